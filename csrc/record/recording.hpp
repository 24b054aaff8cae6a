// What is asked of a recording, and what became of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace retain {

enum class RecordMode : std::uint8_t {
  off,
  all,    ///< everything from start to end
  fault,  ///< black box: the last seconds, written only when the run ends in FAULT or somebody asks
};

struct RecordingConfig {
  RecordMode mode = RecordMode::off;
  std::string path;  ///< of the file; an existing one is replaced
  double black_box_s = 30.0;
  std::map<std::string, std::string> metadata;  ///< the run in words, kept in the file's head
};

struct RecordingReport {
  std::string path;   ///< of the file that was written last; empty where none was
  std::string error;  ///< why the file ends before the run; empty while all is well
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t lost_messages = 0;      ///< that came after the error
  std::uint64_t crowded_out = 0;        ///< that left the black box before their time, for want of memory
  std::uint64_t lost_observations = 0;  ///< that found the recorder behind
  std::uint64_t lost_frames = 0;        ///< the same
};

}  // namespace retain
