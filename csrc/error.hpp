// The exception tree of the C++ side, the mirror image of retain.errors. bind/module.cpp translates each to its Python
// twin.
#pragma once

#include <stdexcept>
#include <string>

namespace retain {

/// Base of everything retain throws. The message is one sentence for a person: what was found, what was expected, what
/// mends it.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A checkpoint file is missing, truncated or lies about its contents.
class CheckpointError : public Error {
 public:
  using Error::Error;
};

/// A merge cannot be planned or carried out.
class MergeError : public Error {
 public:
  using Error::Error;
};

/// An inference engine cannot be loaded or failed while running.
class EngineError : public Error {
 public:
  using Error::Error;
};

/// A robot or camera cannot be opened, or stopped answering.
class DeviceError : public Error {
 public:
  using Error::Error;
};

/// The control loop's configuration is impossible.
class ConfigError : public Error {
 public:
  using Error::Error;
};

}  // namespace retain
