// An OpenGL context without a display, by EGL loaded at run time: a robot without a simulator needs neither.
#pragma once

#include <memory>

namespace retain {

/// Made and used on one thread; current on that thread until it is destroyed.
class EglContext {
 public:
  /// @throw DeviceError if there is no EGL, or it offers no OpenGL context; the sentence names the packages to install
  EglContext();
  EglContext(const EglContext&) = delete;
  EglContext& operator=(const EglContext&) = delete;
  ~EglContext();

 private:
  struct Egl;
  std::unique_ptr<Egl> egl_;
};

}  // namespace retain
