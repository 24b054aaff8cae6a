#include "camera/mujoco_camera.hpp"

#include <algorithm>
#include <span>
#include <thread>

#include "error.hpp"

namespace retain {

namespace {

constexpr int kMaxGeoms = 200;

}  // namespace

// Everything that belongs to the OpenGL context; the context itself is made first and destroyed last.
struct MujocoCamera::Renderer {
  Renderer(mujoco::Simulation& owner, std::size_t height, std::size_t width)
      : simulation(owner), view{0, 0, static_cast<int>(width), static_cast<int>(height)} {
    const mujoco::Library& api = simulation.api();
    api.default_scene(&scene);
    api.make_scene(&simulation.model(), &scene, kMaxGeoms);
    scene.flags[mjRND_SHADOW] = 0;
    scene.flags[mjRND_REFLECTION] = 0;
    api.default_option(&option);
    api.default_camera(&camera);
    camera.type = mjCAMERA_FIXED;
    api.default_context(&context);
    api.make_context(&simulation.model(), &context, mjFONTSCALE_100);
    api.resize_offscreen(view.width, view.height, &context);
    api.set_buffer(mjFB_OFFSCREEN, &context);
  }
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;
  ~Renderer() {
    simulation.api().free_context(&context);
    simulation.api().free_scene(&scene);
  }

  void draw(int fixed_camera, std::span<std::uint8_t> rgb) noexcept {
    const mujoco::Library& api = simulation.api();
    camera.fixedcamid = fixed_camera;
    api.update_scene(&simulation.model(), &simulation.data(), &option, nullptr, &camera, mjCAT_ALL, &scene);
    api.render(view, &scene, &context);
    api.read_pixels(rgb.data(), nullptr, view, &context);
    // OpenGL's first row is the bottom one.
    const auto stride = static_cast<std::ptrdiff_t>(view.width) * 3;
    for (std::ptrdiff_t top = 0, bottom = view.height - 1; top < bottom; ++top, --bottom) {
      std::swap_ranges(rgb.begin() + top * stride, rgb.begin() + (top + 1) * stride, rgb.begin() + bottom * stride);
    }
  }

  mujoco::Simulation& simulation;
  EglContext gl;
  mjvScene scene{};
  mjvOption option{};
  mjvCamera camera{};
  mjrContext context{};
  mjrRect view;
};

MujocoCamera::MujocoCamera(std::shared_ptr<const mujoco::Library> library, const std::string& xml,
                           const MujocoCameraSpec& spec, std::shared_ptr<mujoco::SnapshotFeed> snapshots)
    : spec_(spec),
      simulation_(std::make_unique<mujoco::Simulation>(std::move(library), xml)),
      snapshots_(std::move(snapshots)),
      camera_(simulation_->id(mjOBJ_CAMERA, spec.camera, "camera")) {
  if (spec.height == 0 || spec.width == 0 || !(spec.rate_hz >= 0.0)) {
    throw DeviceError("camera " + spec.role + " needs a positive size, and a rate of 0 or more");
  }
}

MujocoCamera::~MujocoCamera() = default;

void MujocoCamera::open() {
  renderer_ = std::make_unique<Renderer>(*simulation_, spec_.height, spec_.width);
  due_ = std::chrono::steady_clock::now();
}

CameraStatus MujocoCamera::grab(Frame& frame) noexcept {
  if (spec_.rate_hz > 0.0) {
    using Seconds = std::chrono::duration<double>;
    const auto period = std::chrono::duration_cast<std::chrono::steady_clock::duration>(Seconds(1.0 / spec_.rate_hz));
    due_ = std::max(due_ + period, std::chrono::steady_clock::now());
    std::this_thread::sleep_until(due_);
  }
  if (!renderer_) return CameraStatus::lost;
  if (!snapshots_->update()) return CameraStatus::timeout;
  const mujoco::Snapshot& snapshot = snapshots_->front();
  const mujoco::Library& api = simulation_->api();
  mjData& data = simulation_->data();
  std::copy(snapshot.qpos.begin(), snapshot.qpos.end(), data.qpos);
  data.time = snapshot.simulated_s;
  api.kinematics(&simulation_->model(), &data);
  api.camlight(&simulation_->model(), &data);
  frame.height = spec_.height;
  frame.width = spec_.width;
  frame.rgb.resize(spec_.height * spec_.width * 3);
  renderer_->draw(camera_, frame.rgb);
  frame.sensor_time_ns = snapshot.time_ns;
  frame.number = ++frames_;
  return CameraStatus::ok;
}

void MujocoCamera::close() noexcept { renderer_.reset(); }

}  // namespace retain
