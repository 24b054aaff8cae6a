// An MCAP file under construction (mcap.dev): append-only, readable up to its last chunk if the process is killed.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "record/message.hpp"
#include "record/messages.hpp"

namespace retain {

class McapFile {
 public:
  explicit McapFile(const std::vector<Topic>& topics);
  McapFile(const McapFile&) = delete;
  McapFile& operator=(const McapFile&) = delete;
  ~McapFile();

  /// @return whether it is open; if not, error() says why
  bool open(const std::string& path);

  void metadata(const std::string& name, const std::map<std::string, std::string>& values);

  /// Buffers a message. A buffer is written when it is full, or a second old: what a kill can lose.
  void write(const Message& message);

  /// Index and footer.
  void close();

  [[nodiscard]] std::uint64_t bytes() const noexcept;

  /// Why nothing more is written; empty while all is well.
  [[nodiscard]] const std::string& error() const noexcept;

 private:
  struct Writer;
  std::unique_ptr<Writer> writer_;
};

}  // namespace retain
