// A camera in a MuJoCo scene: renders the newest physics snapshot on its own thread, at its own rate.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "camera/camera.hpp"
#include "camera/egl_context.hpp"
#include "mujoco/simulation.hpp"

namespace retain {

struct MujocoCameraSpec {
  std::string role;
  std::string camera;  ///< the scene's name for it
  std::size_t height = 0;
  std::size_t width = 0;
  double rate_hz = 30.0;  ///< 0: a picture whenever it is asked for, without waiting (for virtual time)
};

/// Shadows and reflections are off, as in retain.sim.rendering: the policy must see here what it saw in training.
class MujocoCamera final : public Camera {
 public:
  /// @param snapshots from MujocoRobot::subscribe(), for this camera alone
  /// @throw DeviceError if the scene cannot be compiled or has no such camera
  MujocoCamera(std::shared_ptr<const mujoco::Library> library, const std::string& xml, const MujocoCameraSpec& spec,
               std::shared_ptr<mujoco::SnapshotFeed> snapshots);
  ~MujocoCamera() override;

  [[nodiscard]] const std::string& role() const noexcept override { return spec_.role; }
  [[nodiscard]] std::size_t height() const noexcept override { return spec_.height; }
  [[nodiscard]] std::size_t width() const noexcept override { return spec_.width; }

  void open() override;
  [[nodiscard]] CameraStatus grab(Frame& frame) noexcept override;
  void close() noexcept override;
  [[nodiscard]] bool noisy() const noexcept override { return false; }

 private:
  struct Renderer;

  MujocoCameraSpec spec_;
  std::unique_ptr<mujoco::Simulation> simulation_;
  std::shared_ptr<mujoco::SnapshotFeed> snapshots_;
  int camera_;
  std::unique_ptr<Renderer> renderer_;
  std::chrono::steady_clock::time_point due_;
  std::uint64_t frames_ = 0;
};

}  // namespace retain
