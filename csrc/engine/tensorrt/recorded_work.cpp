#include "engine/tensorrt/recorded_work.hpp"

#include <utility>

#include "error.hpp"

namespace retain::cuda {

RecordedWork::RecordedWork(std::shared_ptr<const Stream> stream, std::function<void()> queue)
    : stream_(std::move(stream)), queue_(std::move(queue)) {
  queue_();
  stream_->wait();
  replay_ = record();
  run();
}

RecordedWork::~RecordedWork() {
  if (replay_ != nullptr) stream_->device().api().cuGraphExecDestroy(replay_);
}

void RecordedWork::run() const {
  if (replay_ != nullptr) {
    const Device& device = stream_->device();
    device.check(device.api().cuGraphLaunch(replay_, stream_->handle()), "replay its recorded work");
  } else {
    queue_();
  }
  stream_->wait();
}

GraphExecHandle* RecordedWork::record() const {
  const Api& api = stream_->device().api();
  // Of this thread only: other threads may allocate while this one records.
  if (api.cuStreamBeginCapture_v2(stream_->handle(), kCaptureThreadLocal) != kSuccess) return nullptr;
  bool queued = true;
  try {
    queue_();
  } catch (const EngineError&) {
    queued = false;  // not possible while recording; the same work has just run without
  }
  // Also after a failure: the stream records until it is told to end.
  GraphHandle* graph = nullptr;
  const bool ended = api.cuStreamEndCapture(stream_->handle(), &graph) == kSuccess && graph != nullptr;
  GraphExecHandle* replay = nullptr;
  if (ended && queued && api.cuGraphInstantiateWithFlags(&replay, graph, kGraphFlags) != kSuccess) replay = nullptr;
  if (graph != nullptr) api.cuGraphDestroy(graph);
  return replay;
}

}  // namespace retain::cuda
