#include "camera/egl_context.hpp"

#include <dlfcn.h>

#include <array>
#include <cstdint>
#include <string>

#include "error.hpp"

namespace retain {

namespace {

using Handle = void*;

// From the EGL registry (Khronos egl.h, eglext.h); declared here because the headers are not on every machine.
constexpr std::int32_t kNone = 0x3038;
constexpr std::int32_t kSurfaceType = 0x3033;
constexpr std::int32_t kPbufferBit = 0x0001;
constexpr std::int32_t kRenderableType = 0x3040;
constexpr std::int32_t kOpenGlBit = 0x0008;
constexpr std::int32_t kRedSize = 0x3024;
constexpr std::int32_t kGreenSize = 0x3023;
constexpr std::int32_t kBlueSize = 0x3022;
constexpr std::int32_t kDepthSize = 0x3025;
constexpr unsigned int kOpenGlApi = 0x30A2;
constexpr unsigned int kPlatformDevice = 0x313F;
constexpr unsigned int kPlatformSurfaceless = 0x31DD;

constexpr const char* kRemedy = "; run: apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri";

}  // namespace

struct EglContext::Egl {
  Handle library = nullptr;
  Handle (*get_proc_address)(const char*) = nullptr;
  unsigned int (*initialize)(Handle, std::int32_t*, std::int32_t*) = nullptr;
  unsigned int (*bind_api)(unsigned int) = nullptr;
  unsigned int (*choose_config)(Handle, const std::int32_t*, Handle*, std::int32_t, std::int32_t*) = nullptr;
  Handle (*create_context)(Handle, Handle, Handle, const std::int32_t*) = nullptr;
  unsigned int (*make_current)(Handle, Handle, Handle, Handle) = nullptr;
  unsigned int (*destroy_context)(Handle, Handle) = nullptr;
  unsigned int (*release_thread)() = nullptr;
  Handle (*get_platform_display)(unsigned int, Handle, const std::int32_t*) = nullptr;
  unsigned int (*query_devices)(std::int32_t, Handle*, std::int32_t*) = nullptr;
  Handle display = nullptr;
  Handle context = nullptr;

  template <typename Function>
  void resolve(const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    if (function == nullptr) throw DeviceError(std::string("libEGL has no function ") + name + kRemedy);
  }

  void load() {
    library = dlopen("libEGL.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
      throw DeviceError("cannot load libEGL.so.1 for rendering without a display" + std::string(kRemedy));
    resolve("eglGetProcAddress", get_proc_address);
    resolve("eglInitialize", initialize);
    resolve("eglBindAPI", bind_api);
    resolve("eglChooseConfig", choose_config);
    resolve("eglCreateContext", create_context);
    resolve("eglMakeCurrent", make_current);
    resolve("eglDestroyContext", destroy_context);
    resolve("eglReleaseThread", release_thread);
    get_platform_display =
        reinterpret_cast<decltype(get_platform_display)>(get_proc_address("eglGetPlatformDisplayEXT"));
    query_devices = reinterpret_cast<decltype(query_devices)>(get_proc_address("eglQueryDevicesEXT"));
    if (get_platform_display == nullptr) throw DeviceError(std::string("this EGL has no platform displays") + kRemedy);
  }

  [[nodiscard]] bool open(unsigned int platform, Handle native) {
    display = get_platform_display(platform, native, nullptr);
    return display != nullptr && initialize(display, nullptr, nullptr) != 0;
  }

  // A device first (a GPU, or Mesa's software device), as MuJoCo's own Python renderer does: the same pictures.
  [[nodiscard]] bool open_any() {
    std::array<Handle, 16> devices{};
    std::int32_t count = 0;
    if (query_devices != nullptr &&
        query_devices(static_cast<std::int32_t>(devices.size()), devices.data(), &count) != 0) {
      for (std::int32_t i = 0; i < count; ++i) {
        if (open(kPlatformDevice, devices[static_cast<std::size_t>(i)])) return true;
      }
    }
    return open(kPlatformSurfaceless, nullptr);
  }
};

EglContext::EglContext() : egl_(std::make_unique<Egl>()) {
  egl_->load();
  if (!egl_->open_any()) throw DeviceError(std::string("EGL finds no device to render with") + kRemedy);
  const std::array<std::int32_t, 13> wanted{kSurfaceType, kPbufferBit, kRenderableType, kOpenGlBit, kRedSize,   8,
                                            kGreenSize,   8,           kBlueSize,       8,          kDepthSize, 24,
                                            kNone};
  Handle config = nullptr;
  std::int32_t configs = 0;
  const std::int32_t no_attributes = kNone;
  if (egl_->choose_config(egl_->display, wanted.data(), &config, 1, &configs) == 0 || configs == 0 ||
      egl_->bind_api(kOpenGlApi) == 0 ||
      (egl_->context = egl_->create_context(egl_->display, config, nullptr, &no_attributes)) == nullptr ||
      egl_->make_current(egl_->display, nullptr, nullptr, egl_->context) == 0) {
    throw DeviceError(std::string("EGL gives no OpenGL context without a surface") + kRemedy);
  }
}

EglContext::~EglContext() {
  // The display is not terminated: it is one per process and Python's renderer may be using it.
  egl_->make_current(egl_->display, nullptr, nullptr, nullptr);
  egl_->destroy_context(egl_->display, egl_->context);
  egl_->release_thread();
}

}  // namespace retain
