#include "runtime/inference.hpp"

#include <algorithm>
#include <exception>

namespace retain {

Inference::Inference(InferenceConfig config, Clock& clock, Engine& engine, ActionCodec codec, Admission admission,
                     std::vector<std::unique_ptr<CameraFeed>>& feeds, const MotionHistory& history,
                     TripleBuffer<Chunk>& chunks, InferenceHealth& health, Recorder* recorder)
    : config_(std::move(config)),
      clock_(clock),
      engine_(engine),
      codec_(std::move(codec)),
      admission_(std::move(admission)),
      feeds_(feeds),
      history_(history),
      chunks_(chunks),
      health_(health),
      recorder_(recorder),
      flow_(config_.schedule.horizon, codec_.row_width(), config_.flow_steps),
      ensemble_(config_.ensemble_decay),
      state_(codec_.state_channels()),
      last_number_(feeds.size()),
      running_(chunks.front()),
      left_over_(running_.planned.size()),
      spliced_rows_(config_.schedule.horizon * codec_.row_width()) {
  input_.images.resize(feeds_.size());
  input_.tokens = config_.instruction.tokens;
  input_.token_mask = config_.instruction.mask;
  input_.state = state_;
}

void Inference::warm_up() {
  black_.clear();
  for (const ImageSpec& image : engine_.info().images) black_.emplace_back(image.height * image.width * 3);
  run_blank();
  for (std::uint64_t run = 1; run < kWarmUpRuns; ++run) {
    const Nanoseconds begun_ns = clock_.now_ns();
    run_blank();
    latency_.record(clock_.now_ns() - begun_ns);
  }
  check_feasible(config_.schedule, latency_.estimate_ns());
}

void Inference::run_blank() {
  for (std::size_t i = 0; i < black_.size(); ++i) input_.images[i] = black_[i];
  std::fill(state_.begin(), state_.end(), 0.0F);
  engine_.prefix(input_);
  if (!engine_.info().regresses) (void)flow_.sample(engine_, config_.seed, 0);
}

void Inference::idle() noexcept {
  if (health_.engine_error.load(std::memory_order_relaxed)) return;
  health_.request_started_ns.store(clock_.now_ns(), std::memory_order_release);
  try {
    run_blank();
  } catch (const std::exception& error) {
    report(error);
  }
  health_.request_started_ns.store(0, std::memory_order_release);
}

void Inference::report(const std::exception& error) noexcept {
  health_.engine_message = error.what();
  health_.engine_error.store(true, std::memory_order_release);
}

void Inference::expect(Nanoseconds latency_ns) {
  check_feasible(config_.schedule, latency_ns);
  latency_ = {};
  latency_.record(latency_ns);
}

bool Inference::begin() noexcept {
  forget_if_rearmed();
  const Nanoseconds now_ns = clock_.now_ns();
  if (now_ns < next_observation_ns_ || health_.engine_error.load(std::memory_order_relaxed)) return false;
  if (!gather(now_ns)) return false;
  asked_ns_ = now_ns;
  continuation_ = continuation(now_ns);
  ++chunk_id_;
  ++statistics_.requests;
  health_.request_started_ns.store(now_ns, std::memory_order_release);
  return true;
}

// After a stop and a new start nothing that was said before it counts: the arm rests somewhere else.
void Inference::forget_if_rearmed() noexcept {
  const std::uint64_t epoch = health_.epoch.load(std::memory_order_acquire);
  if (epoch == epoch_) return;
  epoch_ = epoch;
  running_.id = 0;
  ensemble_.forget();
  next_observation_ns_ = clock_.now_ns();
}

bool Inference::gather(Nanoseconds now_ns) noexcept {
  bool fresh = true;
  bool usable = true;
  Nanoseconds oldest_ns = now_ns;
  for (std::size_t i = 0; i < feeds_.size(); ++i) {
    TripleBuffer<Frame>& frames = feeds_[i]->frames;
    frames.update();
    const Frame& frame = frames.front();
    const ImageSpec& image = engine_.info().images[i];
    const Nanoseconds age_ns = now_ns - frame.sensor_time_ns;
    // A bridge that repeats its last frame keeps its number and its sensor time (innate-os #848 gave it fresh stamps on
    // arrival); a stamp from the future is no better than an old one.
    fresh = fresh && frame.number != 0 && age_ns >= 0 && age_ns <= config_.max_frame_age_ns;
    usable = usable && frame.number != last_number_[i] && frame.sensor_time_ns >= next_observation_ns_ &&
             frame.height == image.height && frame.width == image.width &&
             frame.rgb.size() == image.height * image.width * 3;
    oldest_ns = std::min(oldest_ns, frame.sensor_time_ns);
    input_.images[i] = frame.rgb;
  }
  if (!fresh && !stale_) ++statistics_.stale_episodes;
  stale_ = !fresh;
  health_.frames_stale.store(stale_, std::memory_order_release);
  if (!fresh || !usable || !history_.at(oldest_ns, observed_)) return false;
  for (std::size_t i = 0; i < feeds_.size(); ++i) last_number_[i] = feeds_[i]->frames.front().number;
  observed_ns_ = oldest_ns;
  codec_.encode_state(observed_.measured, state_);
  return true;
}

Continuation Inference::continuation(Nanoseconds now_ns) noexcept {
  const Schedule& schedule = config_.schedule;
  Continuation next;
  next.splice = splice_of(schedule.strategy);
  next.guidance_limit = static_cast<float>(config_.guidance_limit);
  if (next.splice == Splice::none || running_.id == 0) return {};
  const std::size_t covered = left_over(running_, config_.interpolation, observed_ns_, left_over_);
  if (covered == 0) return {};  // the arm rests at the end of the old chunk: nothing is committed
  std::size_t committed = schedule.rows_within(now_ns - observed_ns_ + latency_.estimate_ns());
  if (next.splice == Splice::prefix) committed = std::min(committed, schedule.max_trained_delay);
  next.committed = std::min(committed, schedule.horizon - 1);
  next.overlap_end = std::max(next.committed, std::min(schedule.horizon - schedule.execute_rows, covered));
  codec_.encode_action(left_over_, observed_.measured, spliced_rows_);
  next.left_over = spliced_rows_;
  ++statistics_.spliced;
  return next;
}

void Inference::complete() noexcept {
  try {
    compute();
    if (expired()) {
      // Not one row is left. Its last row is where the policy wanted to be long ago; going there now would be a motion
      // that nobody planned for this moment. Hold, and ask again.
      ++statistics_.expired;
      next_observation_ns_ = observed_ns_ + 1;
      record(Outcome::expired);
    } else {
      publish(judge());
    }
  } catch (const std::exception& error) {
    report(error);
  }
  health_.request_started_ns.store(0, std::memory_order_release);
  const Nanoseconds latency_ns = clock_.now_ns() - asked_ns_;
  latency_.record(latency_ns);
  statistics_.latency.record(latency_ns);
}

void Inference::compute() {
  engine_.prefix(input_);
  answer_ =
      engine_.info().regresses ? engine_.regressed() : flow_.sample(engine_, config_.seed, chunk_id_, continuation_);
  Chunk& chunk = chunks_.back();
  codec_.decode_action(answer_, observed_.measured, chunk.policy);
  chunk.planned = chunk.policy;
  chunk.dt_ns = config_.schedule.dt_ns;
  chunk.id = chunk_id_;
  chunk.epoch = epoch_;
  chunk.observed_ns = observed_ns_;
  chunk.playable_rows = config_.schedule.playable_rows();
  chunk.start_ns = config_.schedule.start_ns(observed_ns_, clock_.now_ns());
}

bool Inference::expired() const noexcept {
  const Chunk& chunk = chunks_.back();
  return chunk.due_ns(chunk.playable_rows - 1) <= clock_.now_ns();
}

Verdict Inference::judge() noexcept {
  Chunk& chunk = chunks_.back();
  const Nanoseconds now_ns = clock_.now_ns();
  if (config_.schedule.strategy == Strategy::ensemble) {
    ensemble_.average(config_.interpolation, chunk);
  } else if (config_.overlap_share < 1.0 && running_.id != 0) {
    blend(running_, config_.interpolation, config_.overlap_share, chunk);
  }
  Seam seam;
  seam.row = std::min(static_cast<std::size_t>((now_ns - chunk.start_ns) / chunk.dt_ns), chunk.rows - 1);
  seam.room_s = to_s(std::max<Nanoseconds>(chunk.due_ns(seam.row) - now_ns, 0));
  Motion now = observed_;
  (void)history_.at(now_ns, now);
  seam.command = now.commanded;
  return admission_.judge(chunk, seam);
}

// Where the plan is, so that it goes on without a step; before the first chunk, the command in force.
ChannelValues Inference::origin_of(const Chunk& chunk) const noexcept {
  if (running_.id != 0) return said_at(running_, config_.interpolation, chunk.start_ns);
  Motion at_start = observed_;
  (void)history_.at(chunk.start_ns, at_start);
  return at_start.commanded;
}

void Inference::publish(Verdict verdict) {
  if (verdict != Verdict::admitted) {
    statistics_.rejected_not_finite += verdict == Verdict::not_finite ? 1 : 0;
    statistics_.rejected_out_of_bounds += verdict == Verdict::out_of_bounds ? 1 : 0;
    statistics_.rejected_too_fast += verdict == Verdict::too_fast ? 1 : 0;
    statistics_.rejected_seam += verdict == Verdict::seam ? 1 : 0;
    statistics_.rejected_too_jerky += verdict == Verdict::too_jerky ? 1 : 0;
    // The old chunk goes on; ask again from the next frame.
    next_observation_ns_ = observed_ns_ + 1;
    health_.rejected_in_a_row.fetch_add(1, std::memory_order_acq_rel);
    record(Outcome::rejected);
    return;
  }
  const Nanoseconds now_ns = clock_.now_ns();
  Chunk& chunk = chunks_.back();
  health_.rejected_in_a_row.store(0, std::memory_order_release);
  if (continuation_.splice != Splice::none &&
      now_ns > chunk.start_ns + static_cast<Nanoseconds>(continuation_.committed) * chunk.dt_ns) {
    // Later than reckoned with. It is played all the same, from the row whose time it is (lerobot #4056 threw such
    // chunks away and the arm starved); the seam may show, within the limits.
    ++statistics_.beyond_splice;
  }
  chunk.origin = origin_of(chunk);
  next_observation_ns_ = config_.schedule.next_observation_ns(observed_ns_, chunk.start_ns);
  running_ = chunk;
  if (config_.schedule.strategy == Strategy::ensemble) ensemble_.keep(chunk);
  record(Outcome::published);
  chunks_.publish();
  ++statistics_.published;
  health_.published.fetch_add(1, std::memory_order_acq_rel);
}

void Inference::record(Outcome outcome) noexcept {
  ObservationRecord* record = recorder_ == nullptr ? nullptr : recorder_->claim_observation();
  if (record == nullptr) return;
  record->asked_ns = asked_ns_;
  record->answered_ns = clock_.now_ns();
  for (std::size_t i = 0; i < feeds_.size(); ++i) {
    const Frame& frame = feeds_[i]->frames.front();
    record->images[i].sensor_time_ns = frame.sensor_time_ns;
    record->images[i].number = frame.number;
    std::copy(frame.rgb.begin(), frame.rgb.end(), record->images[i].rgb.begin());
  }
  std::copy(state_.begin(), state_.end(), record->state.begin());
  record->measured = observed_.measured;
  record->seed = config_.seed;
  record->stream = chunk_id_;
  record->flow_steps = static_cast<std::uint32_t>(config_.flow_steps);
  record->strategy = to_string(config_.schedule.strategy);
  record->execute_rows = static_cast<std::uint32_t>(config_.schedule.execute_rows);
  record->splice = continuation_.splice;
  record->committed_rows = static_cast<std::uint32_t>(continuation_.committed);
  record->overlap_end = static_cast<std::uint32_t>(continuation_.overlap_end);
  record->guidance_limit = continuation_.guidance_limit;
  record->left_over_values = static_cast<std::uint32_t>(continuation_.left_over.size());
  std::copy(continuation_.left_over.begin(), continuation_.left_over.end(), record->left_over.begin());
  std::copy(answer_.begin(), answer_.end(), record->answer.begin());
  record->outcome = outcome;
  record->chunk = chunks_.back();  // of the same size: nothing is allocated
  recorder_->publish_observation();
}

}  // namespace retain
