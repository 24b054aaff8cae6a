#include "merge/stream.hpp"

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "error.hpp"
#include "merge/chunk.hpp"
#include "merge/dispatch.hpp"
#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

constexpr auto kProgressPeriod = std::chrono::milliseconds(100);

struct Chunk {
  std::size_t item;
  std::uint64_t first;
};

void check_items(const std::vector<std::string>& inputs, const std::vector<OutputFile>& outputs,
                 const std::vector<WorkItem>& items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const WorkItem& item = items[i];
    const auto refuse = [&](const char* why) { throw MergeError("work item " + std::to_string(i) + " " + why); };
    if (item.base.file >= inputs.size()) refuse("reads a file that the plan does not list");
    if (item.operation == Operation::kLinear && item.finetuned.file >= inputs.size()) {
      refuse("reads a finetuned file that the plan does not list");
    }
    if (item.output.file >= outputs.size()) refuse("writes a file that the plan does not list");
    const OutputFile& output = outputs[item.output.file];
    if (item.output.offset < output.header.size()) refuse("would overwrite the header of its output");
    if (item.output.offset > output.bytes ||
        item.elements > (output.bytes - item.output.offset) / size_of(item.stored_out)) {
      refuse("ends past the end of its output");
    }
    if (item.operation == Operation::kCopy) {
      if (item.stored_in != item.stored_out) refuse("is a copy between different types; it must be a conversion");
    } else if (item.stored_in == DType::kOpaque || item.stored_out == DType::kOpaque) {
      refuse("does arithmetic on integers; they can only be copied");
    }
  }
}

std::vector<Chunk> cut_into_chunks(const std::vector<WorkItem>& items) {
  std::vector<Chunk> chunks;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::uint64_t step = chunk_elements(items[i]);
    for (std::uint64_t first = 0; first < items[i].elements; first += step) chunks.push_back({i, first});
  }
  return chunks;
}

/// Adds chunk results in the order of the chunks, whichever threads made them: floating-point sums depend on the order.
std::vector<ItemResult> reduce(const std::vector<Chunk>& chunks, const std::vector<ItemResult>& parts,
                               std::size_t items) {
  std::vector<ItemResult> results(items);
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    ItemResult& result = results[chunks[c].item];
    const Sums& part = parts[c].sums;
    result.sums.base_base += part.base_base;
    result.sums.base_update += part.base_update;
    result.sums.update_update += part.update_update;
    result.sums.merged_update += part.merged_update;
    result.sums.changed += part.changed;
    result.sums.lost += part.lost;
    result.sums.not_finite += part.not_finite;
    if (!result.first_not_finite) result.first_not_finite = parts[c].first_not_finite;
  }
  return results;
}

/// The threads and what they share. Chunks are handed out in file order, which keeps the kernel's readahead useful.
class Crew {
 public:
  Crew(const std::vector<WorkItem>& items, const std::vector<Chunk>& chunks, std::span<const PosixFile> inputs,
       std::span<const PosixFile> outputs, const KernelTable& kernels)
      : items_(items), chunks_(chunks), inputs_(inputs), outputs_(outputs), kernels_(kernels), parts_(chunks.size()) {}

  /// Runs all chunks. @return false if `progress` asked to stop. @throw what a thread threw first.
  bool run(std::size_t threads, const Progress& progress) {
    running_ = std::clamp<std::size_t>(threads, 1, std::max<std::size_t>(chunks_.size(), 1));
    std::vector<std::jthread> crew;
    crew.reserve(running_);
    try {
      for (std::size_t i = running_; i > 0; --i) crew.emplace_back([this] { work(); });
      watch(progress);
    } catch (...) {
      // Neither a thread that cannot start nor a progress function that throws may leave the others working on.
      stop_ = true;
      throw;
    }
    crew.clear();  // joins
    if (error_) std::rethrow_exception(error_);
    return !cancelled_;
  }

  const std::vector<ItemResult>& parts() const { return parts_; }

 private:
  void work() {
    // Threads inherit the floating-point mode of whoever started them; a host program may have set flush-to-zero.
    std::fesetenv(FE_DFL_ENV);
    try {
      ChunkWorker worker(inputs_, outputs_, kernels_);
      while (!stop_) {
        const std::size_t c = next_.fetch_add(1);
        if (c >= chunks_.size()) break;
        const WorkItem& item = items_[chunks_[c].item];
        const std::uint64_t count = std::min(chunk_elements(item), item.elements - chunks_[c].first);
        parts_[c] = worker.run(item, chunks_[c].first, count);
        written_ += count * size_of(item.stored_out);
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      stop_ = true;
    }
    const std::lock_guard lock(mutex_);
    --running_;
    done_.notify_one();
  }

  void watch(const Progress& progress) {
    std::unique_lock lock(mutex_);
    while (!done_.wait_for(lock, kProgressPeriod, [this] { return running_ == 0; })) {
      lock.unlock();
      if (progress && !cancelled_ && !progress(written_)) {
        cancelled_ = true;
        stop_ = true;
      }
      lock.lock();
    }
    lock.unlock();
    if (progress && !cancelled_ && !stop_ && !progress(written_)) cancelled_ = true;
  }

  const std::vector<WorkItem>& items_;
  const std::vector<Chunk>& chunks_;
  std::span<const PosixFile> inputs_;
  std::span<const PosixFile> outputs_;
  const KernelTable& kernels_;
  std::vector<ItemResult> parts_;  // one per chunk, each written by one thread
  std::atomic<std::size_t> next_{0};
  std::atomic<std::uint64_t> written_{0};
  std::atomic<bool> stop_{false};
  bool cancelled_ = false;  // the calling thread's own
  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t running_ = 0;
  std::exception_ptr error_;
};

}  // namespace

std::optional<std::vector<ItemResult>> run_stream(const std::vector<std::string>& inputs,
                                                  const std::vector<OutputFile>& outputs,
                                                  const std::vector<WorkItem>& items, const StreamOptions& options,
                                                  const Progress& progress) {
  check_items(inputs, outputs, items);
  const KernelTable& kernels = choose_kernels(options.isa);
  std::vector<PosixFile> sources;
  sources.reserve(inputs.size());
  for (const std::string& path : inputs) sources.push_back(PosixFile::open_input(path));
  std::vector<PosixFile> targets;
  targets.reserve(outputs.size());
  for (const OutputFile& output : outputs) {
    targets.push_back(PosixFile::create_output(output.path, output.bytes));
    targets.back().write_at(std::as_bytes(std::span(output.header)), 0);
  }

  const std::vector<Chunk> chunks = cut_into_chunks(items);
  Crew crew(items, chunks, sources, targets, kernels);
  if (!crew.run(options.threads, progress)) return std::nullopt;
  if (options.sync) {
    for (const PosixFile& target : targets) target.sync();
  }
  return reduce(chunks, crew.parts(), items.size());
}

}  // namespace retain::merge
