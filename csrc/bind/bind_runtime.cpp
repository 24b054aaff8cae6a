// retain._core.runtime: the control loop, the device interfaces, and the plain structures that go in and come out.
#include "bind/bind_runtime.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstddef>

#include "camera/camera.hpp"
#include "error.hpp"
#include "robot/robot.hpp"
#include "runtime/assemble.hpp"
#include "runtime/flow.hpp"
#include "runtime/tick_benchmark.hpp"

namespace py = pybind11;

namespace retain::bind {

namespace {

void bind_devices(py::module_& m) {
  py::enum_<RobotStatus>(m, "RobotStatus")
      .value("ok", RobotStatus::ok)
      .value("silent", RobotStatus::silent)
      .value("rejected", RobotStatus::rejected)
      .value("stopped", RobotStatus::stopped);

  py::class_<RobotChannel>(m, "RobotChannel", "One channel of a robot: its name and SI unit.")
      .def_readonly("name", &RobotChannel::name)
      .def_readonly("unit", &RobotChannel::unit);

  py::class_<Robot, std::shared_ptr<Robot>>(m, "Robot",
                                            "An arm. While a loop runs it belongs to the loop's tick thread.")
      .def_property_readonly("channels", &Robot::channels)
      .def(
          "read",
          [](Robot& robot, std::int64_t now_ns) {
            RobotState state;
            const RobotStatus status = robot.read(now_ns, state);
            const auto end = state.position.begin() + static_cast<std::ptrdiff_t>(robot.channels().size());
            return py::make_tuple(status, std::vector<double>(state.position.begin(), end));
          },
          py::arg("now_ns"), "(status, measured positions) at a time of CLOCK_MONOTONIC.")
      .def(
          "write",
          [](Robot& robot, const std::vector<double>& command) {
            if (command.size() != robot.channels().size()) throw DeviceError("one value per channel, please");
            return robot.write(command);
          },
          py::arg("command"), "Send one command, one value per channel.");

  py::class_<Camera, std::shared_ptr<Camera>>(m, "Camera", "A camera. While a loop runs it belongs to its own thread.")
      .def_property_readonly("role", &Camera::role)
      .def_property_readonly("height", &Camera::height)
      .def_property_readonly("width", &Camera::width)
      .def("open", &Camera::open)
      .def("close", &Camera::close)
      .def(
          "grab",
          [](Camera& camera) -> py::object {
            Frame frame;
            CameraStatus status;
            {
              const py::gil_scoped_release released;
              status = camera.grab(frame);
            }
            if (status != CameraStatus::ok) return py::none();
            py::array_t<std::uint8_t> image({frame.height, frame.width, std::size_t{3}}, frame.rgb.data());
            return py::make_tuple(frame.sensor_time_ns, frame.number, image);
          },
          "The next frame as (sensor time in ns, number, uint8[H, W, 3]), or None where none came.");
}

void bind_configuration(py::module_& m) {
  py::enum_<Strategy>(m, "Strategy").value("sync", Strategy::sync).value("async_", Strategy::async);
  py::enum_<Interpolation>(m, "Interpolation")
      .value("linear", Interpolation::linear)
      .value("hold", Interpolation::hold);
  py::enum_<OnViolation>(m, "OnViolation").value("clamp", OnViolation::clamp).value("reject", OnViolation::reject);

  py::class_<StateChannel>(m, "StateChannel")
      .def(py::init<std::string, double, double>(), py::arg("name"), py::arg("offset"), py::arg("scale"));
  py::class_<ActionChannel>(m, "ActionChannel")
      .def(py::init<std::string, double, double, bool>(), py::arg("name"), py::arg("offset"), py::arg("scale"),
           py::arg("delta"));
  py::class_<ChannelLimits>(m, "ChannelLimits")
      .def(py::init<std::string, Interpolation, double, double, double, double>(), py::arg("name"),
           py::arg("interpolation"), py::arg("position_min"), py::arg("position_max"), py::arg("velocity"),
           py::arg("acceleration"));
  py::class_<Instruction>(m, "Instruction")
      .def(py::init<std::vector<std::int64_t>, std::vector<std::uint8_t>>(), py::arg("tokens"), py::arg("mask"));
  py::class_<AdmissionRules>(m, "AdmissionRules")
      .def(py::init<OnViolation, OnViolation>(), py::arg("out_of_bounds"), py::arg("too_fast"));
  py::class_<RealtimeRequest>(m, "RealtimeRequest")
      .def(py::init<std::optional<int>, std::optional<int>, bool>(), py::arg("priority"), py::arg("cpu"),
           py::arg("lock_memory"));

  py::enum_<RecordMode>(m, "RecordMode")
      .value("off", RecordMode::off)
      .value("all", RecordMode::all)
      .value("fault", RecordMode::fault);
  py::class_<RecordingConfig>(m, "RecordingConfig")
      .def(py::init<RecordMode, std::string, double, std::map<std::string, std::string>>(), py::arg("mode"),
           py::arg("path"), py::arg("black_box_s"), py::arg("metadata"));

  py::class_<LoopConfig>(m, "LoopConfig", "The loop's configuration; retain.runtime.configuration fills it.")
      .def(py::init<>())
      .def_readwrite("rate_hz", &LoopConfig::rate_hz)
      .def_readwrite("duration_s", &LoopConfig::duration_s)
      .def_readwrite("strategy", &LoopConfig::strategy)
      .def_readwrite("dt_s", &LoopConfig::dt_s)
      .def_readwrite("execute_rows", &LoopConfig::execute_rows)
      .def_readwrite("flow_steps", &LoopConfig::flow_steps)
      .def_readwrite("seed", &LoopConfig::seed)
      .def_readwrite("state", &LoopConfig::state)
      .def_readwrite("action", &LoopConfig::action)
      .def_readwrite("limits", &LoopConfig::limits)
      .def_readwrite("following_error", &LoopConfig::following_error)
      .def_readwrite("instruction", &LoopConfig::instruction)
      .def_readwrite("admission", &LoopConfig::admission)
      .def_readwrite("max_frame_age_s", &LoopConfig::max_frame_age_s)
      .def_readwrite("state_timeout_s", &LoopConfig::state_timeout_s)
      .def_readwrite("inference_timeout_s", &LoopConfig::inference_timeout_s)
      .def_readwrite("hold_timeout_s", &LoopConfig::hold_timeout_s)
      .def_readwrite("start_timeout_s", &LoopConfig::start_timeout_s)
      .def_readwrite("rejections_to_stop", &LoopConfig::rejections_to_stop)
      .def_readwrite("overruns_per_s_to_stop", &LoopConfig::overruns_per_s_to_stop)
      .def_readwrite("realtime", &LoopConfig::realtime)
      .def_readwrite("log_s", &LoopConfig::log_s)
      .def_readwrite("recording", &LoopConfig::recording);
}

py::dict as_dict(const LatencySummary& latency) {
  using py::literals::operator""_a;
  return py::dict("count"_a = latency.count, "mean_s"_a = latency.mean_s, "p50_s"_a = latency.p50_s,
                  "p99_s"_a = latency.p99_s, "p999_s"_a = latency.p999_s, "max_s"_a = latency.max_s);
}

py::dict as_dict(const ChannelReport& channel) {
  using py::literals::operator""_a;
  return py::dict("name"_a = channel.name, "limiter_nonfinite"_a = channel.limiter.nonfinite,
                  "limiter_position"_a = channel.limiter.position, "limiter_velocity"_a = channel.limiter.velocity,
                  "limiter_acceleration"_a = channel.limiter.acceleration,
                  "admission_position"_a = channel.admission.position,
                  "admission_velocity"_a = channel.admission.velocity);
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
      "rejected_too_fast"_a = counts.rejected_too_fast, "expired"_a = counts.expired,
      "stale_episodes"_a = counts.stale_episodes, "channels"_a = channels, "realtime"_a = as_list(report.realtime),
      "records_lost"_a = report.records_lost, "recording"_a = as_dict(report.recording),
      "infer_thread_left_behind"_a = report.infer_thread_left_behind);
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

void bind_loop(py::module_& m) {
  py::class_<Loop>(m, "Loop", "The control loop. start(), wait() until it returns True, then report() and records().")
      .def(py::init(&assemble), py::arg("config"), py::arg("robot"), py::arg("cameras"), py::arg("engine"))
      .def("start", &Loop::start, py::call_guard<py::gil_scoped_release>(),
           "Warm up, open the cameras, arm, and let the policy move the arm. SIGINT and SIGTERM ramp it down.")
      .def("wait", &Loop::wait, py::arg("timeout_s"), py::call_guard<py::gil_scoped_release>(),
           "Wait until the run is over, at most this long; True when it is.")
      .def("request_stop", &Loop::request_stop, "Ramp down within the limits, then end the run.")
      .def("request_drop", &Loop::request_drop, "Stop streaming commands at once.")
      .def("request_save", &Loop::request_save, "Have the black box written at the run's end, whatever that will be.")
      .def("status",
           [](const Loop& loop) {
             using py::literals::operator""_a;
             const LoopStatus status = loop.status();
             return py::dict("state"_a = to_string(status.state), "running_s"_a = status.running_s,
                             "ticks"_a = status.ticks, "chunks"_a = status.chunks);
           })
      .def("report", [](const Loop& loop) { return as_dict(loop.report()); })
      .def(
          "records",
          [](const Loop& loop) {
            const std::size_t channels = loop.report().channels.size();
            return as_arrays(loop.records(), channels);
          },
          "The flight record as arrays: time_s[T], chunk[T], row[T], state[T], measured/policy/planned/sent[T, "
          "channels].");

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
                        "skipped"_a = result.skipped, "page_faults"_a = result.page_faults,
                        "realtime"_a = as_list(result.realtime));
      },
      py::arg("joints"), py::arg("rate_hz"), py::arg("duration_s"), py::arg("realtime"),
      "Tick an arm that is only memory, in a thread of its own: lateness and body, as dictionaries.");

  m.def(
      "sample_chunk",
      [](Engine& engine, std::uint64_t seed, std::uint64_t stream, std::size_t flow_steps, const std::string& splice,
         py::array_t<float, py::array::c_style> left_over, std::size_t committed, std::size_t overlap_end,
         float guidance_limit) {
        const EngineInfo& info = engine.info();
        const std::span<const float> rows(left_over.data(), static_cast<std::size_t>(left_over.size()));
        Continuation continuation{.splice = splice == "guided"   ? Splice::guided
                                            : splice == "prefix" ? Splice::prefix
                                                                 : Splice::none,
                                  .left_over = rows,
                                  .committed = committed,
                                  .overlap_end = overlap_end,
                                  .guidance_limit = guidance_limit};
        if (continuation.splice != Splice::none &&
            (rows.size() != info.horizon * info.action_dim || committed > overlap_end || overlap_end > info.horizon)) {
          throw ConfigError("what is left of a chunk must have the size of a chunk, and 0 ≤ d ≤ e ≤ H");
        }
        FlowSampler flow(info.horizon, info.action_dim, flow_steps);
        py::array_t<float> chunk({info.horizon, info.action_dim});
        const std::span<const float> values = flow.sample(engine, seed, stream, continuation);
        std::copy(values.begin(), values.end(), chunk.mutable_data());
        return chunk;
      },
      py::arg("engine"), py::arg("seed"), py::arg("stream"), py::arg("flow_steps"), py::arg("splice") = "none",
      py::arg("left_over") = py::array_t<float>(0), py::arg("committed") = 0, py::arg("overlap_end") = 0,
      py::arg("guidance_limit") = 0.0F,
      "The normalized chunk [H, A] that the loop would draw from the engine's last prefix, noise and splice included.");

  py::list states;
  for (const State state :
       {State::disarmed, State::armed, State::running, State::stopping, State::hold, State::fault}) {
    states.append(to_string(state));
  }
  m.attr("STATES") = py::tuple(states);
}

}  // namespace

void bind_runtime(py::module_& core) {
  py::module_ m = core.def_submodule("runtime", "The control loop in C++; retain.runtime is its face.");
  bind_devices(m);
  bind_configuration(m);
  bind_loop(m);
}

}  // namespace retain::bind
