#include "runtime/virtual_loop.hpp"

#include <algorithm>

#include "error.hpp"

namespace retain {

namespace {

VirtualClock& virtual_clock_of(LoopParts& parts) {
  auto* clock = dynamic_cast<VirtualClock*>(parts.clock.get());
  if (clock == nullptr) throw ConfigError("a virtual loop needs parts that were assembled on a virtual clock");
  return *clock;
}

}  // namespace

VirtualLoop::VirtualLoop(std::shared_ptr<LoopParts> parts, VirtualWorld world)
    : parts_(std::move(parts)),
      world_(std::move(world)),
      clock_(virtual_clock_of(*parts_)),
      on_the_way_(parts_->cameras.size()) {
  if (!(world_.frame_rate_hz > 0.0) || !(world_.frame_latency_s >= 0.0)) {
    throw ConfigError("a virtual camera needs a positive frame rate and a latency of 0 s or more");
  }
}

void VirtualLoop::start() {
  parts_->inference->warm_up();
  if (world_.delay_s) parts_->inference->expect(to_ns(world_.delay_s(1)));
  for (const std::shared_ptr<Camera>& camera : parts_->cameras) camera->open();
  parts_->robot->start();
  parts_->controller->arm();
  start_ns_ = due_ns_ = next_frame_ns_ = clock_.now_ns();
  parts_->requests.go.store(true);
  started_ = true;
}

bool VirtualLoop::run(double duration_s) {
  if (!started_) start();
  const Nanoseconds end_ns = clock_.now_ns() + to_ns(duration_s);
  while (!finished_ && due_ns_ + parts_->period_ns <= end_ns) {
    const std::uint64_t lost = world_.lost_periods ? world_.lost_periods(time_s()) : 0;
    due_ns_ += parts_->period_ns * static_cast<Nanoseconds>(1 + lost);
    until(due_ns_);
    finished_ = parts_->controller->tick({.due_ns = due_ns_, .now_ns = due_ns_, .skipped = lost});
    parts_->recorder.drain();
    if (world_.each && !finished_ && world_.each(time_s())) request_stop();
  }
  if (finished_) {
    parts_->robot->stop();
    for (const std::shared_ptr<Camera>& camera : parts_->cameras) camera->close();
  }
  return finished_;
}

// What happens between two ticks happens at its own instants, in order.
void VirtualLoop::until(Nanoseconds instant_ns) {
  ask();
  while (true) {
    Nanoseconds next_ns = next_frame_ns_;
    if (arrival_ns_) next_ns = std::min(next_ns, *arrival_ns_);
    if (answer_ns_) next_ns = std::min(next_ns, *answer_ns_);
    if (next_ns > instant_ns) break;
    clock_.advance_to(next_ns);
    if (answer_ns_ && *answer_ns_ <= next_ns) {
      answer_ns_.reset();
      parts_->inference->complete();
    }
    if (arrival_ns_ && *arrival_ns_ <= next_ns) deliver_frames();
    if (next_frame_ns_ <= next_ns) take_frames();
    ask();
  }
  clock_.advance_to(instant_ns);
}

void VirtualLoop::take_frames() {
  next_frame_ns_ += to_ns(1.0 / world_.frame_rate_hz);
  const Nanoseconds now_ns = clock_.now_ns();
  if (world_.frame_arrives && !world_.frame_arrives(time_s())) return;
  // A picture nobody would look at is not taken: rendering is all the cost of a simulated run.
  if (answer_ns_ || arrival_ns_ || parts_->inference->next_observation_ns() > now_ns) return;
  bool all = true;
  for (std::size_t i = 0; i < parts_->cameras.size(); ++i) {
    all = parts_->cameras[i]->grab(on_the_way_[i]) == CameraStatus::ok && all;
  }
  if (all) arrival_ns_ = now_ns + to_ns(world_.frame_latency_s);
}

void VirtualLoop::deliver_frames() {
  arrival_ns_.reset();
  for (std::size_t i = 0; i < on_the_way_.size(); ++i) {
    parts_->feeds[i]->frames.back() = on_the_way_[i];
    parts_->feeds[i]->frames.publish();
    parts_->feeds[i]->delivered.fetch_add(1);
  }
}

void VirtualLoop::ask() {
  if (answer_ns_ || parts_->controller->state() != State::running || !parts_->inference->begin()) return;
  ++asked_;
  answer_ns_ = clock_.now_ns() + (world_.delay_s ? std::max<Nanoseconds>(to_ns(world_.delay_s(asked_)), 0) : 0);
}

}  // namespace retain
