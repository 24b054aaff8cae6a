#include "bind/bind_loop.hpp"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstddef>

#include "runtime/assemble.hpp"
#include "runtime/tick_benchmark.hpp"
#include "runtime/virtual_loop.hpp"

namespace py = pybind11;

namespace retain::bind {

namespace {

py::dict as_dict(const LatencySummary& latency) {
  using py::literals::operator""_a;
  return py::dict("count"_a = latency.count, "mean_s"_a = latency.mean_s, "p50_s"_a = latency.p50_s,
                  "p99_s"_a = latency.p99_s, "p999_s"_a = latency.p999_s, "max_s"_a = latency.max_s);
}

py::dict as_dict(const ChannelReport& channel) {
  using py::literals::operator""_a;
  return py::dict("name"_a = channel.name, "limiter_nonfinite"_a = channel.limiter.nonfinite,
                  "limiter_position"_a = channel.limiter.position, "limiter_velocity"_a = channel.limiter.velocity,
                  "limiter_acceleration"_a = channel.limiter.acceleration, "limiter_jerk"_a = channel.limiter.jerk,
                  "admission_position"_a = channel.admission.position,
                  "admission_velocity"_a = channel.admission.velocity, "admission_seam"_a = channel.admission.seam,
                  "admission_jerk"_a = channel.admission.jerk);
}

py::list as_list(const std::vector<LatencyCount>& counts) {
  py::list list;
  for (const LatencyCount& one : counts) list.append(py::make_tuple(one.upper_ns, one.count));
  return list;
}

py::list as_list(const std::vector<RealtimeGrant>& grants) {
  using py::literals::operator""_a;
  py::list list;
  for (const RealtimeGrant& grant : grants) {
    list.append(py::dict("what"_a = grant.what, "granted"_a = grant.granted, "reason"_a = grant.reason));
  }
  return list;
}

py::dict as_dict(const RecordingReport& recording) {
  using py::literals::operator""_a;
  return py::dict("path"_a = recording.path, "error"_a = recording.error, "messages"_a = recording.messages,
                  "bytes"_a = recording.bytes, "lost_messages"_a = recording.lost_messages,
                  "crowded_out"_a = recording.crowded_out, "lost_observations"_a = recording.lost_observations,
                  "lost_frames"_a = recording.lost_frames);
}

py::dict as_dict(const RunReport& report) {
  using py::literals::operator""_a;
  py::list channels;
  for (const ChannelReport& channel : report.channels) channels.append(as_dict(channel));
  py::list cameras;
  for (const CameraReport& camera : report.cameras) {
    cameras.append(py::dict("role"_a = camera.role, "frames"_a = camera.frames, "frozen"_a = camera.frozen,
                            "losses"_a = camera.losses));
  }
  py::dict robot;
  for (const RobotCount& trouble : report.robot) robot[py::str(trouble.what)] = trouble.count;
  const InferenceStatistics& counts = report.inference_counts;
  return py::dict(
      "state"_a = to_string(report.state), "cause"_a = to_string(report.cause),
      "engine_message"_a = report.engine_message, "duration_s"_a = report.duration_s,
      "command_rate_hz"_a = report.command_rate_hz, "inference_rate_hz"_a = report.inference_rate_hz,
      "action_rate_hz"_a = report.action_rate_hz, "ticks"_a = report.ticks, "overruns"_a = report.overruns,
      "skipped"_a = report.skipped, "holds"_a = report.holds, "lateness"_a = as_dict(report.lateness),
      "body"_a = as_dict(report.body), "device"_a = as_dict(report.device), "frame_age"_a = as_dict(report.frame_age),
      "inference"_a = as_dict(report.inference), "requests"_a = counts.requests, "chunks"_a = counts.published,
      "rejected_not_finite"_a = counts.rejected_not_finite, "rejected_out_of_bounds"_a = counts.rejected_out_of_bounds,
      "rejected_too_fast"_a = counts.rejected_too_fast, "rejected_seam"_a = counts.rejected_seam,
      "rejected_too_jerky"_a = counts.rejected_too_jerky, "spliced"_a = counts.spliced,
      "beyond_splice"_a = counts.beyond_splice, "cameras"_a = cameras, "robot"_a = robot, "rearmed"_a = report.rearmed,
      "heat"_a = to_string(report.heat), "expired"_a = counts.expired, "stale_episodes"_a = counts.stale_episodes,
      "channels"_a = channels, "realtime"_a = as_list(report.realtime), "records_lost"_a = report.records_lost,
      "recording"_a = as_dict(report.recording), "infer_thread_left_behind"_a = report.infer_thread_left_behind);
}

template <typename T, typename Get>
py::array_t<T> column(const std::vector<TickRecord>& records, Get get) {
  py::array_t<T> values(static_cast<py::ssize_t>(records.size()));
  T* out = values.mutable_data();
  for (const TickRecord& record : records) *out++ = get(record);
  return values;
}

py::array_t<double> series(const std::vector<TickRecord>& records, ChannelValues TickRecord::* member,
                           std::size_t channels) {
  py::array_t<double> values({static_cast<py::ssize_t>(records.size()), static_cast<py::ssize_t>(channels)});
  double* out = values.mutable_data();
  for (const TickRecord& record : records) out = std::copy_n((record.*member).begin(), channels, out);
  return values;
}

py::dict as_arrays(const std::vector<TickRecord>& records, std::size_t channels) {
  using py::literals::operator""_a;
  return py::dict(
      "time_s"_a = column<double>(records, [](const TickRecord& r) { return to_s(r.time_ns); }),
      "lateness_s"_a = column<double>(records, [](const TickRecord& r) { return to_s(r.lateness_ns); }),
      "chunk"_a = column<std::uint64_t>(records, [](const TickRecord& r) { return r.chunk; }),
      "row"_a = column<std::uint32_t>(records, [](const TickRecord& r) { return r.row; }),
      "state"_a = column<std::uint8_t>(records, [](const TickRecord& r) { return static_cast<std::uint8_t>(r.state); }),
      "reaction"_a =
          column<std::uint8_t>(records, [](const TickRecord& r) { return static_cast<std::uint8_t>(r.reaction); }),
      "measured"_a = series(records, &TickRecord::measured, channels),
      "policy"_a = series(records, &TickRecord::policy, channels),
      "planned"_a = series(records, &TickRecord::planned, channels),
      "sent"_a = series(records, &TickRecord::sent, channels));
}

py::dict as_dict(const LoopStatus& status) {
  using py::literals::operator""_a;
  return py::dict("state"_a = to_string(status.state), "cause"_a = to_string(status.cause),
                  "running_s"_a = status.running_s, "ticks"_a = status.ticks, "chunks"_a = status.chunks);
}

void bind_virtual_loop(py::module_& m) {
  py::class_<VirtualWorld>(m, "VirtualWorld", "What happens to a virtual loop from outside.")
      .def(py::init<>())
      .def_readwrite("delay_s", &VirtualWorld::delay_s)
      .def_readwrite("frame_arrives", &VirtualWorld::frame_arrives)
      .def_readwrite("lost_periods", &VirtualWorld::lost_periods)
      .def_readwrite("each", &VirtualWorld::each)
      .def_readwrite("frame_rate_hz", &VirtualWorld::frame_rate_hz)
      .def_readwrite("frame_latency_s", &VirtualWorld::frame_latency_s);
  py::class_<VirtualLoop>(m, "VirtualLoop", "The whole loop under a simulated clock, deterministic, without waiting.")
      .def(py::init([](const LoopConfig& config, std::shared_ptr<Robot> robot,
                       const std::vector<std::shared_ptr<Camera>>& cameras, std::shared_ptr<Engine> engine,
                       VirtualWorld world) {
             auto clock = std::make_shared<VirtualClock>(kNanosecondsPerSecond);
             return std::make_unique<VirtualLoop>(
                 assemble_parts(config, std::move(clock), std::move(robot), cameras, std::move(engine)),
                 std::move(world));
           }),
           py::arg("config"), py::arg("robot"), py::arg("cameras"), py::arg("engine"), py::arg("world"))
      .def("run", &VirtualLoop::run, py::arg("duration_s"), py::call_guard<py::gil_scoped_release>(),
           "Run for this much virtual time, or until the loop is finished; True when it is.")
      .def("request_stop", &VirtualLoop::request_stop)
      .def("request_drop", &VirtualLoop::request_drop)
      .def("request_rearm", &VirtualLoop::request_rearm)
      .def_property_readonly("time_s", &VirtualLoop::time_s)
      .def("status", [](const VirtualLoop& loop) { return as_dict(loop.status()); })
      .def("report", [](const VirtualLoop& loop) { return as_dict(loop.report()); })
      .def("records", [](const VirtualLoop& loop) {
        const std::size_t channels = loop.report().channels.size();
        return as_arrays(loop.records(), channels);
      });
}

void bind_real_loop(py::module_& m) {
  py::class_<Loop>(m, "Loop", "The control loop. start(), wait() until it returns True, then report() and records().")
      .def(py::init(&assemble), py::arg("config"), py::arg("robot"), py::arg("cameras"), py::arg("engine"))
      .def("start", &Loop::start, py::call_guard<py::gil_scoped_release>(),
           "Warm up, open the cameras, arm, and let the policy move the arm. SIGINT and SIGTERM ramp it down.")
      .def("wait", &Loop::wait, py::arg("timeout_s"), py::call_guard<py::gil_scoped_release>(),
           "Wait until the run is over, at most this long; True when it is.")
      .def("request_stop", &Loop::request_stop, "Ramp down within the limits, then end the run.")
      .def("request_save", &Loop::request_save, "Have the black box written at the run's end, whatever that will be.")
      .def("request_drop", &Loop::request_drop, "Stop streaming commands at once.")
      .def("request_rearm", &Loop::request_rearm, "Go on after a fault in an attended loop, where it is mended.")
      .def("status", [](const Loop& loop) { return as_dict(loop.status()); })
      .def("report", [](const Loop& loop) { return as_dict(loop.report()); })
      .def(
          "records",
          [](const Loop& loop) {
            const std::size_t channels = loop.report().channels.size();
            return as_arrays(loop.records(), channels);
          },
          "The flight record as arrays: time_s[T], chunk[T], row[T], state[T], measured/policy/planned/sent[T, "
          "channels].");
}

void bind_benchmark(py::module_& m) {
  m.def(
      "benchmark_tick",
      [](std::size_t joints, double rate_hz, double duration_s, const RealtimeRequest& realtime) {
        using py::literals::operator""_a;
        TickBenchmark result;
        {
          const py::gil_scoped_release released;
          result = benchmark_tick(joints, rate_hz, duration_s, realtime);
        }
        return py::dict("lateness"_a = as_dict(result.lateness), "body"_a = as_dict(result.body),
                        "lateness_counts"_a = as_list(result.lateness_counts),
                        "body_counts"_a = as_list(result.body_counts), "duration_s"_a = result.duration_s,
                        "ticks"_a = result.ticks, "chunks"_a = result.chunks, "actions"_a = result.actions,
                        "skipped"_a = result.skipped, "page_faults"_a = result.page_faults,
                        "voluntary_switches"_a = result.voluntary_switches, "realtime"_a = as_list(result.realtime));
      },
      py::arg("joints"), py::arg("rate_hz"), py::arg("duration_s"), py::arg("realtime"),
      "Tick an arm that is only memory, in a thread of its own: lateness and body as dictionaries, their counts as "
      "(upper edge in ns, count), and what the thread did.");

  py::list states;
  for (const State state :
       {State::disarmed, State::armed, State::running, State::stopping, State::hold, State::fault}) {
    states.append(to_string(state));
  }
  m.attr("STATES") = py::tuple(states);
}

}  // namespace

void bind_loop(py::module_& m) {
  bind_real_loop(m);
  bind_virtual_loop(m);
  bind_benchmark(m);
}

}  // namespace retain::bind
