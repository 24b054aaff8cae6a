// The recorder thread's end of the chain: records become messages, messages go to the file or to the black box.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "record/black_box.hpp"
#include "record/mcap_file.hpp"
#include "record/recording.hpp"

namespace retain {

/// A camera as the file tells of it.
struct RecordedCamera {
  std::string role;
  std::size_t height = 0;
  std::size_t width = 0;
};

/// One thread's. No failure of the disk or of memory leaves it: writing stops, the report says why, the rest is
/// counted.
class FlightWriter {
 public:
  /// Opens the file at once, unless it is a black box.
  /// @param cameras in the engine's order
  /// @param channels of the robot
  /// @param black_box_bytes memory for the black box
  FlightWriter(RecordingConfig config, std::vector<RecordedCamera> cameras, std::size_t channels,
               std::size_t black_box_bytes);

  void write(const TickRecord& record) noexcept;
  void write(const ObservationRecord& record) noexcept;
  void write_frame(std::size_t camera, const Frame& frame) noexcept;

  /// @param fault whether it is told as an error
  void write_event(Nanoseconds time_ns, bool fault, std::string_view text) noexcept;

  /// Writes what a black box holds now into a file of its own: the configured path, then path-2, path-3, …
  /// @param end how the run stood, for the file's last metadata record
  void save_black_box(const std::map<std::string, std::string>& end) noexcept;

  /// Completes the file of a recording that is no black box. Nothing may be written after it.
  void finish(const std::map<std::string, std::string>& end) noexcept;

  [[nodiscard]] bool is_black_box() const noexcept { return black_box_.has_value(); }
  [[nodiscard]] const RecordingReport& report() const noexcept { return report_; }

 private:
  [[nodiscard]] std::string next_path() const;
  bool open(McapFile& file, const std::string& path);
  void close(McapFile& file, const std::map<std::string, std::string>& end);
  void write_to(McapFile& file, const Message& message);
  void put(std::uint16_t topic, std::uint32_t sequence, Nanoseconds log_ns, Nanoseconds publish_ns) noexcept;
  void fail(std::string_view why) noexcept;

  RecordingConfig config_;
  std::vector<RecordedCamera> cameras_;
  std::size_t channels_;
  CdrWriter message_;
  std::optional<McapFile> file_;  // of a recording that is no black box
  std::optional<BlackBox> black_box_;
  std::uint64_t saved_ = 0;
  RecordingReport report_;
};

}  // namespace retain
