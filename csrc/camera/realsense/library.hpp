// librealsense, found at run time: the SDK's librealsense2.so, or the copy inside pyrealsense2's extension module.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "camera/realsense/api.hpp"

namespace retain::rs {

/// Owns one of the SDK's objects and releases it with the function that belongs to it.
template <class T>
using Handle = std::unique_ptr<T, void (*)(T*)>;

/// A loaded librealsense. It stays loaded until the process ends.
class Library {
 public:
  /// @param path librealsense2.so.2.x, or pyrealsense2's extension module, which loads inside a Python process only
  /// @throw DeviceError if it cannot be loaded, is not librealsense, or is older than 2.55
  static std::shared_ptr<const Library> open(const std::filesystem::path& path);

  [[nodiscard]] const Api& api() const noexcept { return api_; }
  [[nodiscard]] const std::string& version() const noexcept { return version_; }  ///< as in "2.59.1"

  /// Calls one of the SDK's functions, whose last argument is where it reports an error.
  /// @param doing what is attempted, as in "start camera 0123"
  /// @throw DeviceError "librealsense 2.59.1 cannot <doing>: <its message>"
  template <class Function, class... Arguments>
  auto call(std::string_view doing, Function function, Arguments... arguments) const {
    Error* error = nullptr;
    if constexpr (std::is_void_v<std::invoke_result_t<Function, Arguments..., Error**>>) {
      function(arguments..., &error);
      if (error != nullptr) fail(error, doing);
    } else {
      const auto result = function(arguments..., &error);
      if (error != nullptr) fail(error, doing);
      return result;
    }
  }

  /// Calls one of the SDK's functions where its failure changes nothing: on the way out.
  template <class Function, class... Arguments>
  void attempt(Function function, Arguments... arguments) const noexcept {
    Error* error = nullptr;
    function(arguments..., &error);
    if (error != nullptr) api_.free_error(error);
  }

 private:
  Library() = default;
  [[noreturn]] void fail(Error* error, std::string_view doing) const;

  Api api_;
  std::string version_;
};

}  // namespace retain::rs
