#include "runtime/recorder.hpp"

namespace retain {

void Recorder::drain() {
  TickRecord record;
  while (ring_.pop(record)) {
    if (log_.size() < kept_) {
      log_.push_back(record);
    } else {
      log_[next_] = record;
      next_ = (next_ + 1) % kept_;
    }
  }
}

std::vector<TickRecord> Recorder::records() const {
  std::vector<TickRecord> ordered(log_.begin() + static_cast<std::ptrdiff_t>(next_), log_.end());
  ordered.insert(ordered.end(), log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(next_));
  return ordered;
}

}  // namespace retain
