#include "merge/posix_file.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "error.hpp"

namespace retain::merge {
namespace {

/// strerror without its shared buffer.
std::string reason(int code) { return std::generic_category().message(code); }

[[noreturn]] void fail_to_write(const std::string& path, int code) {
  throw MergeError("cannot write " + path + ": " + reason(code) +
                   "; nothing was left behind, free some space or choose another place");
}

}  // namespace

PosixFile PosixFile::open_input(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw CheckpointError("cannot open " + path + ": " + reason(errno));
  return {descriptor, path};
}

PosixFile PosixFile::create_output(const std::string& path, std::uint64_t bytes) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) fail_to_write(path, errno);
  PosixFile file{descriptor, path};
  if (bytes == 0) return file;
  // posix_fallocate would write every block on file systems that cannot allocate; plain truncation is the better
  // fallback.
  while (::fallocate(descriptor, 0, 0, static_cast<off_t>(bytes)) != 0) {
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP && errno != ENOSYS) fail_to_write(path, errno);
    if (::ftruncate(descriptor, static_cast<off_t>(bytes)) != 0) fail_to_write(path, errno);
    break;
  }
  return file;
}

PosixFile::PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

PosixFile::PosixFile(PosixFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

PosixFile::~PosixFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::uint64_t PosixFile::size() const {
  struct stat now{};
  if (::fstat(descriptor_, &now) != 0) throw CheckpointError("cannot read the size of " + path_ + ": " + reason(errno));
  return static_cast<std::uint64_t>(now.st_size);
}

void PosixFile::read_at(std::span<std::byte> bytes, std::uint64_t offset) const {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0) {
      if (errno == EINTR) continue;
      throw CheckpointError("cannot read " + path_ + " at byte " + std::to_string(offset) + ": " + reason(errno));
    }
    if (got == 0) {
      // The end is asked for: a read that began behind it has not seen where it is.
      struct stat now{};
      const std::uint64_t end = ::fstat(descriptor_, &now) == 0 ? static_cast<std::uint64_t>(now.st_size) : offset;
      throw CheckpointError(path_ + " ends at byte " + std::to_string(end) + ", " +
                            std::to_string(offset + bytes.size() - end) +
                            " bytes before the tensor that was being read; was it truncated meanwhile?");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

void PosixFile::write_at(std::span<const std::byte> bytes, std::uint64_t offset) const {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0) {
      if (errno == EINTR) continue;
      fail_to_write(path_, errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
}

void PosixFile::sync() const {
  while (::fsync(descriptor_) != 0) {
    if (errno != EINTR) fail_to_write(path_, errno);
  }
}

bool PosixFile::clone_from(const PosixFile& source, std::uint64_t from, std::uint64_t bytes, std::uint64_t to) const {
  struct file_clone_range range{};
  range.src_fd = source.descriptor_;
  range.src_offset = from;
  range.src_length = bytes;
  range.dest_offset = to;
  // Whatever the reason, the bytes are written instead, and a disk that is full or broken shows there.
  return ::ioctl(descriptor_, FICLONERANGE, &range) == 0;
}

void PosixFile::drop_cache(std::uint64_t offset, std::uint64_t bytes) const {
  constexpr std::uint64_t kPage = 4096;
  const std::uint64_t begin = offset / kPage * kPage;
  const std::uint64_t end = (offset + bytes) / kPage * kPage;
  if (begin < end) {
    ::posix_fadvise(descriptor_, static_cast<off_t>(begin), static_cast<off_t>(end - begin), POSIX_FADV_DONTNEED);
  }
}

void PosixFile::start_writing(std::uint64_t offset, std::uint64_t bytes) const {
  ::sync_file_range(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(bytes), SYNC_FILE_RANGE_WRITE);
}

void PosixFile::finish_writing(std::uint64_t offset, std::uint64_t bytes) const {
  ::sync_file_range(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(bytes),
                    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

}  // namespace retain::merge
