// Sharing disk blocks, where a file system for it can be had: the temporary directory's, or btrfs in a file.
#include "merge/reflink.hpp"

#include <doctest.h>
#include <sys/mount.h>

#include <cstdlib>

#include "merge/stream.hpp"
#include "plans.hpp"
#include "scratch_directory.hpp"

namespace retain::merge {
namespace {

using namespace test;

/// A directory on btrfs, mounted from a file for as long as this lives; empty where that is not possible.
class BtrfsDirectory {
 public:
  BtrfsDirectory() {
    const std::string image = scratch_.write("image", "");
    std::filesystem::resize_file(image, 160 << 20);
    const std::string point = scratch_.file("mount");
    std::filesystem::create_directory(point);
    const std::string make = "mkfs.btrfs -q '" + image + "' >/dev/null 2>&1 && mount -o loop '" + image + "' '" +
                             point + "' >/dev/null 2>&1";
    if (std::system(make.c_str()) == 0) path_ = point;
  }
  ~BtrfsDirectory() {
    if (!path_.empty() && std::system(("umount '" + path_ + "'").c_str()) != 0) ::umount2(path_.c_str(), MNT_DETACH);
  }
  BtrfsDirectory(const BtrfsDirectory&) = delete;
  BtrfsDirectory& operator=(const BtrfsDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  ScratchDirectory scratch_;
  std::string path_;
};

std::string noise(std::size_t bytes) {
  std::mt19937 random(70);
  std::string content(bytes, '\0');
  for (char& byte : content) byte = static_cast<char>(random());
  return content;
}

WorkItem copy(std::uint64_t bytes, std::uint64_t from, std::uint64_t to) {
  return {.elements = bytes,
          .stored = DType::kOpaque,
          .base = {0, from},
          .targets = {{.output = {0, to}, .stored = DType::kOpaque}}};
}

/// Copies a file's tensors into a new one in `directory`. @return how many bytes were cloned.
std::uint64_t require_copied(const std::string& directory, std::uint64_t shift) {
  const std::string content = noise(4'000'123);
  const std::string in = directory + "/in", out = directory + "/out";
  std::ofstream(in, std::ios::binary) << content;
  const std::vector<WorkItem> items{copy(3'000'000, 100, 100 + shift), copy(1'000'000, 3'000'100, 3'000'100 + shift)};
  const std::string header(100 + shift, 'h');
  const Output output = Output::create(out, 4'000'100 + shift, header);
  REQUIRE(run_stream({Input::file(in)}, {output}, items, options(2), nullptr));
  CHECK(ScratchDirectory::read(out) == header + content.substr(100, 4'000'000));
  std::filesystem::remove(out);

  const std::vector<OpenInput> inputs = [&] {
    std::vector<OpenInput> open;
    open.emplace_back(Input::file(in));
    return open;
  }();
  std::vector<OpenOutput> outputs;
  outputs.emplace_back(output);
  outputs[0].prepare();
  std::uint64_t cloned = 0;
  for (const auto& ranges : clone_copies(inputs, outputs, items)) {
    for (const ClonedRange& range : ranges) cloned += range.end - range.begin;
  }
  std::filesystem::remove(out);
  return cloned;
}

}  // namespace

TEST_CASE("a copy is the same whether the file system shares blocks or not") {
  const ScratchDirectory scratch;
  require_copied(std::filesystem::path(scratch.file("x")).parent_path(), 0);
}

TEST_CASE("where the file system can, the blocks of unchanged tensors are shared") {
  const BtrfsDirectory btrfs;
  if (btrfs.path().empty()) {
    MESSAGE("no btrfs here: mkfs.btrfs, loop devices or the right to mount are missing");
    return;
  }
  const std::uint64_t cloned = require_copied(btrfs.path(), 0);
  CHECK(cloned > 3'900'000);
  CHECK(cloned % 4096 == 0);
}

TEST_CASE("tensors that begin at another place within a block are written") {
  const BtrfsDirectory btrfs;
  if (btrfs.path().empty()) return;
  CHECK(require_copied(btrfs.path(), 4) == 0);
  CHECK(require_copied(btrfs.path(), 4096) > 3'900'000);
}

TEST_CASE("dropping what was read and written changes nothing in the files") {
  const ScratchDirectory scratch;
  const std::string content = noise(30'000'000);
  StreamOptions stream = options(3);
  stream.drop_cache = true;
  REQUIRE(run_stream({Input::file(scratch.write("in", content))},
                     {Output::create(scratch.file("out"), 30'000'003, "abc")}, {copy(30'000'000, 0, 3)}, stream,
                     nullptr));
  CHECK(ScratchDirectory::read(scratch.file("out")) == "abc" + content);
}

}  // namespace retain::merge
