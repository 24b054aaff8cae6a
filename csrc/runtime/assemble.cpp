#include "runtime/assemble.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"
#include "runtime/assemble_recording.hpp"

namespace retain {

namespace {

// The infer thread looks up states as old as a stale frame; the recorder may sleep through a scheduling hiccup.
constexpr double kHistory_s = 2.0;
constexpr double kRing_s = 2.0;

std::string sized(const std::string& role, std::size_t height, std::size_t width) {
  return role + " " + std::to_string(height) + "×" + std::to_string(width);
}

std::vector<std::shared_ptr<Camera>> in_engine_order(const EngineInfo& info,
                                                     const std::vector<std::shared_ptr<Camera>>& cameras) {
  std::vector<std::shared_ptr<Camera>> ordered;
  for (const ImageSpec& image : info.images) {
    const auto found =
        std::find_if(cameras.begin(), cameras.end(), [&](const auto& c) { return c->role() == image.role; });
    const std::string wanted = sized(image.role, image.height, image.width);
    if (found == cameras.end()) throw ConfigError("the policy looks through camera " + wanted + ", which is not there");
    if ((*found)->height() != image.height || (*found)->width() != image.width) {
      throw ConfigError("the policy takes frames of " + wanted + " and the camera gives " +
                        sized((*found)->role(), (*found)->height(), (*found)->width()));
    }
    ordered.push_back(*found);
  }
  return ordered;
}

std::size_t count_of(double rate_hz, double seconds) {
  return static_cast<std::size_t>(std::max(std::ceil(rate_hz * seconds), 2.0));
}

struct Gates {
  std::vector<ChannelLimits> limits;
  std::vector<double> following_error;
};

Gates in_robot_order(const LoopConfig& config, const std::vector<RobotChannel>& channels) {
  if (config.following_error.size() != config.limits.size()) {
    throw ConfigError("limits and following errors must be given for the same channels");
  }
  Gates gates;
  for (const RobotChannel& channel : channels) {
    const auto found = std::find_if(config.limits.begin(), config.limits.end(),
                                    [&](const ChannelLimits& limit) { return limit.name == channel.name; });
    if (found == config.limits.end()) throw ConfigError("no limits are given for the robot's channel " + channel.name);
    gates.limits.push_back(*found);
    gates.following_error.push_back(config.following_error[static_cast<std::size_t>(found - config.limits.begin())]);
  }
  return gates;
}

void check_sizes(const LoopConfig& config, const EngineInfo& info) {
  const auto fit = [](const char* what, std::size_t configured, std::size_t engine) {
    if (configured != engine) {
      throw ConfigError(std::string("the configuration has ") + std::to_string(configured) + " " + what +
                        " and the engine takes " + std::to_string(engine));
    }
  };
  fit("state channels", config.state.size(), info.state_dim);
  fit("columns of an action row", config.row_width == 0 ? config.action.size() : config.row_width, info.action_dim);
  fit("tokens", config.instruction.tokens.size(), info.max_tokens);
  fit("mask entries", config.instruction.mask.size(), info.max_tokens);
  const auto within = [](const char* what, double value, double low, double high) {
    if (!(value >= low && value <= high)) {
      throw ConfigError(std::string(what) + " is " + std::to_string(value) + ", expected " + std::to_string(low) +
                        " to " + std::to_string(high));
    }
  };
  within("the guidance limit", config.guidance_limit, 0.0, 1e3);
  within("the ensemble's decay", config.ensemble_decay, 0.0, 1e3);
  within("the speed that is left in heat", config.hot_speed, 0.0, 1.0);
  within("the new chunk's share of an overlap", config.overlap_share, 0.0, 1.0);
  if (!std::isfinite(config.rate_hz) || config.rate_hz < 1.0 || config.rate_hz > 10'000.0) {
    throw ConfigError("a tick rate of " + std::to_string(config.rate_hz) + " Hz is outside 1 to 10000");
  }
}

}  // namespace

std::shared_ptr<LoopParts> assemble_parts(const LoopConfig& config, std::shared_ptr<Clock> clock,
                                          std::shared_ptr<Robot> robot,
                                          const std::vector<std::shared_ptr<Camera>>& cameras,
                                          std::shared_ptr<Engine> engine) {
  const EngineInfo& info = engine->info();
  check_sizes(config, info);
  const Schedule schedule{.strategy = config.strategy,
                          .horizon = info.horizon,
                          .execute_rows = config.execute_rows,
                          .dt_ns = to_ns(config.dt_s),
                          .max_trained_delay = config.max_trained_delay};
  check_schedule(schedule);
  const std::vector<RobotChannel>& channels = robot->channels();
  if (info.regresses && splice_of(config.strategy) != Splice::none) {
    throw ConfigError("the policy regresses its chunks, and " + std::string(to_string(config.strategy)) +
                      " goes on from the running chunk by steps of a flow; choose sync, async or ensemble");
  }
  ActionCodec codec(config.state, config.action, channels, config.row_width);
  Gates gates = in_robot_order(config, channels);

  auto parts = std::make_shared<LoopParts>(
      std::move(clock), count_of(config.rate_hz, kHistory_s + config.max_frame_age_s), channels.size(),
      Chunk(info.horizon, channels.size()), count_of(config.rate_hz, kRing_s), count_of(config.rate_hz, config.log_s));
  parts->recorder.attach(assemble_recording(config, info, channels, gates.limits));
  parts->robot = std::move(robot);
  parts->cameras = in_engine_order(info, cameras);
  parts->engine = std::move(engine);
  for (std::size_t i = 0; i < info.images.size(); ++i) parts->feeds.push_back(std::make_unique<CameraFeed>());
  parts->realtime = config.realtime;
  parts->period_ns = to_ns(1.0 / config.rate_hz);
  parts->start_timeout_ns = to_ns(config.start_timeout_s);
  parts->inference_timeout_ns = to_ns(config.inference_timeout_s);
  parts->keep_warm_ns = to_ns(config.keep_warm_s);
  parts->frozen_after = config.frozen_after;
  parts->crash_dump = config.crash_dump;
  if (!config.crash_dump.empty()) parts->crash = std::make_unique<CrashRing>(channels.size());
  parts->hot_speed = config.hot_speed;

  const SupervisorLimits supervisor{.hold_timeout_ns = to_ns(config.hold_timeout_s),
                                    .first_chunk_timeout_ns = to_ns(config.start_timeout_s),
                                    .inference_timeout_ns = to_ns(config.inference_timeout_s),
                                    .state_timeout_ns = to_ns(config.state_timeout_s),
                                    .rejections = config.rejections_to_stop,
                                    .overruns_per_s = config.overruns_per_s_to_stop,
                                    .attended = config.attended};
  parts->controller =
      std::make_unique<Controller>(ControllerConfig{.period_ns = parts->period_ns,
                                                    .duration_ns = to_ns(config.duration_s),
                                                    .limits = gates.limits,
                                                    .following_error = std::move(gates.following_error),
                                                    .supervisor = supervisor,
                                                    .workspace = config.workspace,
                                                    .temperature_limit_c = config.temperature_limit_c},
                                   *parts->clock, *parts->robot,
                                   Exchange{parts->chunks, parts->health, parts->requests, parts->surroundings,
                                            parts->history, parts->recorder, parts->crash.get()});
  parts->inference = std::make_unique<Inference>(InferenceConfig{.schedule = schedule,
                                                                 .max_frame_age_ns = to_ns(config.max_frame_age_s),
                                                                 .seed = config.seed,
                                                                 .flow_steps = config.flow_steps,
                                                                 .instruction = config.instruction,
                                                                 .interpolation = interpolation_of(gates.limits),
                                                                 .guidance_limit = config.guidance_limit,
                                                                 .ensemble_decay = config.ensemble_decay,
                                                                 .overlap_share = config.overlap_share},
                                                 *parts->clock, *parts->engine, std::move(codec),
                                                 Admission(gates.limits, config.admission), parts->feeds,
                                                 parts->history, parts->chunks, parts->health, &parts->recorder);
  return parts;
}

std::unique_ptr<Loop> assemble(const LoopConfig& config, std::shared_ptr<Robot> robot,
                               const std::vector<std::shared_ptr<Camera>>& cameras, std::shared_ptr<Engine> engine) {
  return std::make_unique<Loop>(
      assemble_parts(config, std::make_shared<MonotonicClock>(), std::move(robot), cameras, std::move(engine)));
}

}  // namespace retain
