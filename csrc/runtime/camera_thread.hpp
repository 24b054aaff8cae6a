// The body of a camera's thread: frames in, reconnection where the camera is lost.
#pragma once

#include <future>
#include <memory>

#include "runtime/loop.hpp"

namespace retain {

/// Opens a camera and publishes its frames until the loop ends; frames of a frozen camera are not published. A camera
/// that is lost is closed and opened again, after half a second, then twice as long each time up to eight; the tick
/// sees it as lost until a frame has come again. Fulfils `opened`, or passes it the exception of the first
/// Camera::open().
void run_camera(std::shared_ptr<LoopParts> parts, std::size_t index, std::promise<void> opened);

}  // namespace retain
