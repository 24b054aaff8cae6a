// The execution strategies, whole: chunks that a rig asks for, answered late, played.
#include <doctest.h>

#include <cmath>

#include "runtime/rig.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

/// A policy of two minds: every chunk goes off at its own speed, up or down, from where the arm is. Whoever plays such
/// chunks one after the other without looking jumps at every seam.
ScriptedEngine::Script of_two_minds(double speed) {
  return [=](std::uint64_t request, std::span<const float> state, std::span<float> chunk) {
    const double way = request % 2 == 0 ? speed : -speed;
    for (std::size_t row = 0; row < chunk.size() / 3; ++row) {
      chunk[3 * row] = state[0] + static_cast<float>(way * 0.1 * static_cast<double>(row + 1));
      chunk[3 * row + 1] = state[1];
    }
  };
}

struct Seams {
  double largest = 0.0;  ///< step of the plan at a change of chunk
  int count = 0;
};

Seams seams_of(const Rig& rig) {
  Seams seams;
  const std::vector<TickRecord> records = rig.recorder.records();
  for (std::size_t i = 1; i < records.size(); ++i) {
    if (records[i].chunk == records[i - 1].chunk || records[i - 1].chunk == 0) continue;
    ++seams.count;
    seams.largest = std::max(seams.largest, std::abs(records[i].planned[0] - records[i - 1].planned[0]));
  }
  return seams;
}

}  // namespace

TEST_CASE("rtc-prefix: the rows that will have begun are the running chunk's, so the plan has no step at a seam") {
  for (const double delay_s : {0.02, 0.1, 0.25, 0.4}) {
    CAPTURE(delay_s);
    Scenario scenario;
    scenario.delay_s = [=](std::uint64_t) { return delay_s; };
    scenario.expected_delay_s = delay_s;
    scenario.strategy = Strategy::rtc_prefix;
    Rig spliced(scenario, of_two_minds(0.3));
    spliced.run_until(8.0);
    scenario.strategy = Strategy::async;
    Rig plain(scenario, of_two_minds(0.3));
    plain.run_until(8.0);
    REQUIRE(seams_of(spliced).count > 5);
    // A tick at the velocity limit is 0.002; a corner that is cut adds at most as much again.
    CHECK(seams_of(spliced).largest < 0.004);
    if (delay_s >= 0.1) CHECK(seams_of(plain).largest > 0.01);
    CHECK(spliced.inference->statistics().beyond_splice == 0);
    CHECK(spliced.robot.watch().broken().empty());
  }
}

TEST_CASE("rtc-guided: the seam is a fraction of the plain one's") {
  Scenario scenario;
  scenario.delay_s = [](std::uint64_t) { return 0.25; };
  scenario.expected_delay_s = 0.25;
  scenario.strategy = Strategy::rtc_guided;
  Rig guided(scenario, of_two_minds(0.3));
  guided.run_until(8.0);
  scenario.strategy = Strategy::async;
  Rig plain(scenario, of_two_minds(0.3));
  plain.run_until(8.0);
  CHECK(guided.inference->statistics().spliced > 5);
  CHECK(seams_of(guided).largest < 0.5 * seams_of(plain).largest);
}

TEST_CASE("rtc with deltas: the prefix is put into the frame of the new observation (strands #779)") {
  Scenario scenario;
  scenario.delta = true;
  scenario.delay_s = [](std::uint64_t) { return 0.3; };
  scenario.expected_delay_s = 0.3;
  scenario.strategy = Strategy::rtc_prefix;
  // Deltas from the observed state; always onwards, so that an old frame would pull the arm back at each seam.
  Rig rig(scenario, [](std::uint64_t, std::span<const float>, std::span<float> chunk) {
    for (std::size_t row = 0; row < chunk.size() / 3; ++row) chunk[3 * row] = 0.02F * static_cast<float>(row + 1);
  });
  double last = 0.0;
  double backwards = 0.0;
  rig.run_until(6.0, [&](double) {
    const double now = rig.recorder.records().back().sent[0];
    backwards = std::max(backwards, last - now);
    last = now;
  });
  CHECK(last > 0.8);
  CHECK(backwards < 1e-9);
}

TEST_CASE("rtc beyond its reckoning: a chunk later than its committed rows is counted and played (lerobot #4056)") {
  Scenario scenario;
  scenario.strategy = Strategy::rtc_prefix;
  scenario.delay_s = [](std::uint64_t request) { return request == 6 ? 0.7 : 0.05; };
  scenario.expected_delay_s = 0.05;
  Rig rig(scenario, of_two_minds(0.2));
  rig.run_until(8.0);
  CHECK(rig.inference->statistics().beyond_splice == 1);
  CHECK(rig.inference->statistics().published >= 8);
  CHECK(rig.state() == State::running);
  CHECK(rig.robot.watch().broken().empty());
}

TEST_CASE("rtc commits at most the rows that the policy was trained to continue") {
  Scenario scenario;
  scenario.strategy = Strategy::rtc_prefix;
  scenario.max_trained_delay = 2;
  scenario.delay_s = [](std::uint64_t request) { return request < 4 ? 0.05 : 0.5; };
  scenario.expected_delay_s = 0.05;
  Rig rig(scenario, drift(0.1));
  rig.run_until(8.0);
  CHECK(rig.inference->statistics().beyond_splice > 2);
  CHECK(rig.robot.watch().broken().empty());
}

TEST_CASE("ensemble: two minds are averaged into one that stands still") {
  Scenario scenario;
  scenario.strategy = Strategy::ensemble;
  scenario.execute_rows = 1;
  scenario.delay_s = [](std::uint64_t) { return 0.02; };
  Rig rig(scenario, of_two_minds(0.3));
  double furthest = 0.0;
  rig.run_until(6.0, [&](double) { furthest = std::max(furthest, std::abs(rig.recorder.records().back().sent[0])); });
  CHECK(rig.inference->statistics().published > 30);
  CHECK(furthest < 0.2);
}
