#include "merge/stream.hpp"

#include <atomic>
#include <memory>

#include "merge/arithmetic.hpp"
#include "merge/check_items.hpp"
#include "merge/chunk.hpp"
#include "merge/dispatch.hpp"
#include "merge/dtype.hpp"
#include "merge/fold.hpp"
#include "merge/reflink.hpp"
#include "merge/schedule.hpp"
#include "merge/writeback.hpp"

namespace retain::merge {
namespace {

std::vector<HashedFile> files_to_hash(std::span<const OpenInput> inputs, std::span<const OpenOutput> outputs) {
  std::vector<HashedFile> files;
  for (const OpenInput& input : inputs) files.push_back({input.file() != nullptr, input.size()});
  for (const OpenOutput& output : outputs) files.push_back({output.is_created(), output.size()});
  return files;
}

/// One run: the open files, and what its threads share.
class Stream {
 public:
  Stream(std::span<const OpenInput> inputs, std::span<const OpenOutput> outputs, const std::vector<WorkItem>& items,
         const KernelTable& kernels, const StreamOptions& options)
      : inputs_(inputs),
        outputs_(outputs),
        items_(items),
        options_(options),
        kernels_(kernels),
        panels_(inputs, kernels_),
        cloned_(clone_copies(inputs, outputs, items)),
        fold_(items) {
    for (const OpenOutput& output : outputs_) {
      const bool drops = options.drop_cache && output.is_created();
      writebacks_.push_back(drops ? std::make_unique<Writeback>(output.file()) : nullptr);
    }
  }

  /// @return false if `progress` asked to stop.
  bool run(const Progress& progress) {
    std::vector<HashedFile> files;
    if (options_.digests != nullptr) files = files_to_hash(inputs_, outputs_);
    Schedule schedule(items_, inputs_.size(), files, options_.threads);
    if (!carry_out(schedule, progress)) return false;

    // New files that were not written in the order of their bytes are read back.
    bool any_left = false;
    for (std::size_t file = 0; file < files.size(); ++file) {
      files[file].wanted = files[file].wanted && file >= inputs_.size() && !schedule.is_hashed_in_passing(file);
      any_left = any_left || files[file].wanted;
    }
    if (any_left) {
      const std::vector<WorkItem> none;
      Schedule rest(none, files.size(), files, options_.threads);
      if (!carry_out(rest, [&](std::uint64_t) { return !progress || progress(processed_); })) return false;
    }
    for (const std::unique_ptr<Writeback>& writeback : writebacks_) {
      if (writeback) writeback->finish();
    }
    return true;
  }

  std::vector<ItemResult> results() { return fold_.take(); }

 private:
  bool carry_out(Schedule& schedule, const Progress& progress) {
    Crew crew;
    std::optional<OrderedDigests> digests;
    if (options_.digests != nullptr) digests.emplace(*options_.digests, inputs_.size() + outputs_.size());
    const auto body = [&] {
      ChunkWorker worker(inputs_, outputs_, panels_, kernels_);
      std::vector<std::byte> block;
      while (!crew.is_stopped()) {
        const std::optional<Unit> unit = schedule.next();
        if (!unit) break;
        if (unit->is_chunk) {
          const WorkItem& item = items_[unit->item];
          fold_.add(unit->number, unit->item, worker.run(item, unit->first, unit->count, cloned_[unit->item]));
          const std::uint64_t bytes = unit->count * size_of(item.stored);
          processed_ += bytes;
          crew.advance(bytes);
          if (digests && !hash_chunk(item, unit->first, worker, schedule, *digests)) break;
          if (options_.drop_cache) drop_chunk(item, unit->first, unit->count);
        } else if (!hash_gap(*unit, block, *digests)) {
          break;
        }
      }
    };
    const auto wake = [&] {
      if (digests) digests->stop();
    };
    return crew.run(options_.threads, body, wake, progress);
  }

  bool hash_chunk(const WorkItem& item, std::uint64_t first, const ChunkWorker& worker, const Schedule& schedule,
                  OrderedDigests& digests) const {
    const auto put = [&](std::size_t file, const Span& span, DType stored, std::span<const std::byte> bytes) {
      return !schedule.is_hashed_in_passing(file) || digests.put(file, span.offset + first * size_of(stored), bytes);
    };
    if (!put(item.base.file, item.base, item.stored, worker.base_bytes(item))) return false;
    for (std::size_t i = 0; i < item.sources.size(); ++i) {
      const std::optional<Span>& span = item.sources[i].span;
      if (span && !put(span->file, *span, item.sources[i].stored, worker.finetuned_bytes(item, i))) return false;
    }
    for (std::size_t t = 0; t < item.targets.size(); ++t) {
      const Target& target = item.targets[t];
      const std::size_t file = inputs_.size() + target.output.file;
      if (!put(file, target.output, target.stored, worker.target_bytes(item, t))) return false;
    }
    return true;
  }

  bool hash_gap(const Unit& unit, std::vector<std::byte>& block, OrderedDigests& digests) const {
    block.resize(kChunkBytes);
    const std::span<std::byte> bytes = std::span(block).first(static_cast<std::size_t>(unit.bytes));
    if (unit.file < inputs_.size()) {
      inputs_[unit.file].read_at(bytes, unit.offset);
    } else {
      outputs_[unit.file - inputs_.size()].file().read_at(bytes, unit.offset);
    }
    if (options_.drop_cache && unit.file < inputs_.size()) {
      inputs_[unit.file].file()->drop_cache(unit.offset, unit.bytes);
    }
    return digests.put(unit.file, unit.offset, bytes);
  }

  void drop_chunk(const WorkItem& item, std::uint64_t first, std::uint64_t count) const {
    const auto drop = [&](const Span& span, DType stored) {
      const PosixFile* file = inputs_[span.file].file();
      if (file != nullptr) file->drop_cache(span.offset + first * size_of(stored), count * size_of(stored));
    };
    drop(item.base, item.stored);
    for (const Source& source : item.sources) {
      if (source.span) drop(*source.span, source.stored);
    }
    for (const Target& target : item.targets) {
      const std::unique_ptr<Writeback>& writeback = writebacks_[target.output.file];
      if (writeback) {
        writeback->add(target.output.offset + first * size_of(target.stored), count * size_of(target.stored));
      }
    }
  }

  std::span<const OpenInput> inputs_;
  std::span<const OpenOutput> outputs_;
  const std::vector<WorkItem>& items_;
  const StreamOptions& options_;
  const KernelTable& kernels_;
  PanelStore panels_;
  std::vector<std::vector<ClonedRange>> cloned_;
  Fold fold_;
  std::vector<std::unique_ptr<Writeback>> writebacks_;  // per output; null where nothing is dropped
  std::atomic<std::uint64_t> processed_{0};
};

}  // namespace

std::optional<std::vector<ItemResult>> run_stream(const std::vector<Input>& inputs, const std::vector<Output>& outputs,
                                                  const std::vector<WorkItem>& items, const StreamOptions& options,
                                                  const Progress& progress) {
  const KernelTable& kernels = choose_kernels(options.isa);
  std::vector<OpenInput> sources;
  sources.reserve(inputs.size());
  for (const Input& input : inputs) sources.emplace_back(input);
  std::vector<OpenOutput> targets;
  targets.reserve(outputs.size());
  for (const Output& output : outputs) targets.emplace_back(output);
  check_items(sources, targets, items);
  for (OpenOutput& target : targets) target.prepare();

  Stream stream(sources, targets, items, kernels, options);
  if (!stream.run(progress)) return std::nullopt;
  if (options.sync) {
    for (const OpenOutput& target : targets) target.sync();
  }
  return stream.results();
}

}  // namespace retain::merge
