// A compiled scene and its state, owned together; every user has one of its own, so nothing is shared between threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "exchange/triple_buffer.hpp"
#include "mujoco/library.hpp"

namespace retain::mujoco {

/// One model with one state.
class Simulation {
 public:
  /// @param xml self-contained MJCF
  /// @throw DeviceError with the parser's words
  Simulation(std::shared_ptr<const Library> library, const std::string& xml);

  [[nodiscard]] const Library& api() const noexcept { return *library_; }
  [[nodiscard]] mjModel& model() noexcept { return *model_; }
  [[nodiscard]] mjData& data() noexcept { return *data_; }

  /// The number of a named object.
  /// @throw DeviceError if there is none of that name; `what` names the kind in the sentence
  [[nodiscard]] int id(mjtObj kind, const std::string& name, const char* what) const;

 private:
  std::shared_ptr<const Library> library_;
  std::unique_ptr<mjModel, decltype(&mj_deleteModel)> model_;
  std::unique_ptr<mjData, decltype(&mj_deleteData)> data_;
};

/// The physics at one instant, for whoever looks on: cameras, and Python to judge success.
struct Snapshot {
  std::int64_t time_ns = 0;  ///< on CLOCK_MONOTONIC
  std::uint64_t number = 0;  ///< physics steps so far, from 1; 0: none yet
  double simulated_s = 0.0;
  std::vector<double> qpos;
  std::vector<std::uint8_t> eq_active;
  bool suction = false;
};

/// From the tick thread to one onlooker, newest wins.
using SnapshotFeed = TripleBuffer<Snapshot>;

}  // namespace retain::mujoco
