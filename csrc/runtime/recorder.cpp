#include "runtime/recorder.hpp"

#include <string>

namespace retain {

namespace {

// How much of what follows a fault belongs to its black box.
constexpr Nanoseconds kAfterFaultNs = kNanosecondsPerSecond;

bool is_fault(Cause cause) noexcept {
  return cause != Cause::none && cause != Cause::time_over && cause != Cause::operator_stop;
}

}  // namespace

ObservationRecord* Recorder::claim_observation() noexcept {
  if (tape_ == nullptr) return nullptr;
  ObservationRecord* record = tape_->observations.claim();
  if (record == nullptr) tape_->lost_observations.fetch_add(1, std::memory_order_relaxed);
  return record;
}

void Recorder::drain() {
  TickRecord record;
  while (ring_.pop(record)) {
    keep(record);
    if (tape_ == nullptr) continue;
    save_if_due(record);
    tell_changes(record);
    tape_->writer->write(record);
  }
  if (tape_ == nullptr) return;
  while (const ObservationRecord* observation = tape_->observations.front()) {
    tape_->writer->write(*observation);
    tape_->observations.pop();
  }
  for (std::size_t camera = 0; camera < tape_->taps.size(); ++camera) {
    SlotRing<Frame>& frames = tape_->taps[camera]->frames();
    while (const Frame* frame = frames.front()) {
      tape_->writer->write_frame(camera, *frame);
      frames.pop();
    }
  }
}

void Recorder::keep(const TickRecord& record) {
  if (log_.size() < kept_) {
    log_.push_back(record);
  } else {
    log_[next_] = record;
    next_ = (next_ + 1) % kept_;
  }
}

// Events are read off the ticks, so that the two cannot contradict each other.
void Recorder::tell_changes(const TickRecord& record) noexcept {
  const bool fault = record.state == State::fault || is_fault(record.cause);
  try {
    if (record.state != told_.state) {
      std::string text = std::string("state ") + to_string(record.state);
      if (record.cause != Cause::none) text += std::string(", cause ") + to_string(record.cause);
      tape_->writer->write_event(record.time_ns, fault, text);
    }
    if (record.reaction != told_.reaction) {
      tape_->writer->write_event(record.time_ns, fault, std::string("reaction ") + to_string(record.reaction));
    }
  } catch (const std::exception&) {
    return;  // no memory for a few words: the tick itself tells the same
  }
  told_.state = record.state;
  told_.reaction = record.reaction;
  told_.cause = record.cause;
}

// An attended run goes on after a fault: what led to it is saved before newer ticks push it out of the black box.
void Recorder::save_if_due(const TickRecord& record) noexcept {
  if (told_.state != State::fault) {
    fault_saved_ = false;
    fault_began_ns_ = record.time_ns;
    return;
  }
  const bool over = record.state != State::fault || record.time_ns - fault_began_ns_ >= kAfterFaultNs;
  if (fault_saved_ || !over) return;
  fault_saved_ = true;
  try {
    tape_->writer->save_black_box(ending());
  } catch (const std::exception&) {
    return;  // no memory for the few words of the file's end
  }
}

void Recorder::finish() {
  drain();
  if (tape_ == nullptr) return;
  const bool unsaved_fault = told_.state == State::fault && !fault_saved_;
  if (unsaved_fault || tape_->save_requested.load(std::memory_order_acquire)) tape_->writer->save_black_box(ending());
  std::map<std::string, std::string> end = ending();
  end["ticks_lost"] = std::to_string(lost_);  // the tick thread has ended: it counts no more
  tape_->writer->finish(end);
}

std::map<std::string, std::string> Recorder::ending() const {
  const RecordingReport counts = recording();
  return {{"state", to_string(told_.state)},
          {"cause", to_string(told_.cause)},
          {"observations_lost", std::to_string(counts.lost_observations)},
          {"frames_lost", std::to_string(counts.lost_frames)}};
}

std::vector<TickRecord> Recorder::records() const {
  std::vector<TickRecord> ordered(log_.begin() + static_cast<std::ptrdiff_t>(next_), log_.end());
  ordered.insert(ordered.end(), log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(next_));
  return ordered;
}

RecordingReport Recorder::recording() const {
  if (tape_ == nullptr) return {};
  RecordingReport report = tape_->writer->report();
  report.lost_observations = tape_->lost_observations.load(std::memory_order_relaxed);
  for (const std::unique_ptr<CameraTap>& tap : tape_->taps) report.lost_frames += tap->lost();
  return report;
}

}  // namespace retain
