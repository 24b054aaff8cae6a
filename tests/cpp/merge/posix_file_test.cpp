#include "merge/posix_file.hpp"

#include <doctest.h>

#include <array>

#include "error.hpp"
#include "scratch_directory.hpp"

namespace retain::merge {

using test::ScratchDirectory;

TEST_CASE("what was written is read back") {
  const ScratchDirectory scratch;
  const std::string path = scratch.file("data");
  {
    const PosixFile output = PosixFile::create_output(path, 8);
    output.write_at(std::as_bytes(std::span("abcd", 4)), 4);
    output.sync();
  }
  CHECK(ScratchDirectory::read(path) == std::string("\0\0\0\0abcd", 8));
  std::array<std::byte, 4> bytes{};
  PosixFile::open_input(path).read_at(bytes, 4);
  CHECK(std::to_integer<char>(bytes[0]) == 'a');
}

TEST_CASE("a file that ends too early is an error that says where") {
  const ScratchDirectory scratch;
  const PosixFile input = PosixFile::open_input(scratch.write("short", "12345"));
  std::array<std::byte, 8> bytes{};
  CHECK_THROWS_WITH_AS(input.read_at(bytes, 0), doctest::Contains("ends at byte 5, 3 bytes before"), CheckpointError);
}

TEST_CASE("a missing input and an existing output are refused") {
  const ScratchDirectory scratch;
  CHECK_THROWS_WITH_AS(PosixFile::open_input(scratch.file("absent")), doctest::Contains("No such file"),
                       CheckpointError);
  const std::string path = scratch.write("there", "keep me");
  CHECK_THROWS_WITH_AS(PosixFile::create_output(path, 4), doctest::Contains("File exists"), MergeError);
  CHECK(ScratchDirectory::read(path) == "keep me");
}

TEST_CASE("a full disk shows before any work is done") {
  // More than any file system has; the allocation fails, or where there is none, the size itself is impossible.
  const ScratchDirectory scratch;
  CHECK_THROWS_AS(PosixFile::create_output(scratch.file("huge"), std::uint64_t{1} << 62), MergeError);
}

}  // namespace retain::merge
