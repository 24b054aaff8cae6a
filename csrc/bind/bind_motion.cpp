#include "bind/bind_motion.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "error.hpp"
#include "runtime/flow.hpp"
#include "runtime/limiter.hpp"
#include "runtime/splice.hpp"

namespace py = pybind11;

namespace retain::bind {

namespace {

using Rows = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Positions = std::vector<double>;

std::span<const float> flat(const Rows& rows) { return {rows.data(), static_cast<std::size_t>(rows.size())}; }

void check_size(const Limiter& limiter, const Positions& values) {
  if (values.size() != limiter.limits().size()) {
    throw ConfigError("expected one value for each of the " + std::to_string(limiter.limits().size()) + " channels");
  }
}

Positions command_of(const Limiter& limiter) { return {limiter.command().begin(), limiter.command().end()}; }

Rows guided(const Rows& x, const Rows& left_over, const Rows& velocity, std::size_t committed, std::size_t overlap_end,
            float tau, float limit) {
  if (x.ndim() != 2 || left_over.size() != x.size() || velocity.size() != x.size() ||
      overlap_end > static_cast<std::size_t>(x.shape(0)) || committed > overlap_end) {
    throw ConfigError("expected three arrays of one shape [H, A] and 0 ≤ d ≤ e ≤ H");
  }
  std::vector<float> weights(static_cast<std::size_t>(x.shape(0)));
  guidance_weights(committed, overlap_end, weights);
  Rows changed({x.shape(0), x.shape(1)});
  std::copy_n(velocity.data(), velocity.size(), changed.mutable_data());
  guide(flat(x), flat(left_over), weights, tau, limit,
        {changed.mutable_data(), static_cast<std::size_t>(changed.size())});
  return changed;
}

Splice splice_named(const std::string& name) {
  if (name == "none") return Splice::none;
  if (name == "guided") return Splice::guided;
  if (name == "prefix") return Splice::prefix;
  throw ConfigError("a flow is spliced none, guided or prefix, not " + name);
}

Rows sampled(Engine& engine, std::uint64_t seed, std::uint64_t stream, std::size_t flow_steps,
             const std::string& splice, const Rows& left_over, std::size_t committed, std::size_t overlap_end,
             float guidance_limit) {
  const EngineInfo& info = engine.info();
  const Continuation continuation{.splice = splice_named(splice),
                                  .left_over = flat(left_over),
                                  .committed = committed,
                                  .overlap_end = overlap_end,
                                  .guidance_limit = guidance_limit};
  if (continuation.splice != Splice::none && (continuation.left_over.size() != info.horizon * info.action_dim ||
                                              committed > overlap_end || overlap_end > info.horizon)) {
    throw ConfigError("what is left of a chunk must have the size of a chunk, and 0 ≤ d ≤ e ≤ H");
  }
  Rows chunk({info.horizon, info.action_dim});
  if (info.regresses) {
    std::ranges::copy(engine.regressed(), chunk.mutable_data());
    return chunk;
  }
  FlowSampler flow(info.horizon, info.action_dim, flow_steps);
  std::ranges::copy(flow.sample(engine, seed, stream, continuation), chunk.mutable_data());
  return chunk;
}

}  // namespace

void bind_motion(py::module_& m) {
  py::class_<Limiter>(m, "Limiter", "The last gate before the robot: targets in, commands within all limits out.")
      .def(py::init<std::vector<ChannelLimits>, double>(), py::arg("limits"), py::arg("period_s"))
      .def(
          "reset",
          [](Limiter& limiter, const Positions& position) {
            check_size(limiter, position);
            limiter.reset(position);
          },
          py::arg("position"), "Start at rest.")
      .def(
          "follow",
          [](Limiter& limiter, const Positions& position, const Positions& velocity, double speed_scale) {
            check_size(limiter, position);
            check_size(limiter, velocity);
            limiter.follow(position, velocity, speed_scale);
            return command_of(limiter);
          },
          py::arg("position"), py::arg("velocity"), py::arg("speed_scale") = 1.0, "The next command towards a target.")
      .def(
          "brake",
          [](Limiter& limiter) {
            limiter.brake();
            return command_of(limiter);
          },
          "The next command on the way to a standstill.")
      .def_property_readonly("command", &command_of)
      .def_property_readonly("at_rest", &Limiter::at_rest);

  m.def("guided_velocity", &guided, py::arg("x"), py::arg("left_over"), py::arg("velocity"), py::arg("committed"),
        py::arg("overlap_end"), py::arg("tau"), py::arg("limit"),
        "v' of rtc-guided for one flow step: float32[H, A] in, float32[H, A] out.");

  m.def("sample_chunk", &sampled, py::arg("engine"), py::arg("seed"), py::arg("stream"), py::arg("flow_steps"),
        py::arg("splice") = "none", py::arg("left_over") = Rows(0), py::arg("committed") = 0,
        py::arg("overlap_end") = 0, py::arg("guidance_limit") = 0.0F,
        "The normalized chunk [H, W] that the loop would draw from the engine's last prefix, noise and splice "
        "included.");
}

}  // namespace retain::bind
