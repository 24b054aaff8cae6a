#include "runtime/action_codec.hpp"

#include <doctest.h>

#include "error.hpp"

using namespace retain;

namespace {

const std::vector<RobotChannel> kRobot{{"a", "rad"}, {"b", "rad"}};
const std::vector<StateChannel> kState{{"a", 0.5, 2.0}, {"b", -1.0, 4.0}};
const std::vector<ActionChannel> kAction{{"a", 0.5, 2.0, false}, {"b", -1.0, 4.0, false}};

}  // namespace

TEST_CASE("decoding an encoded state gives it back") {
  const ActionCodec codec(kState, kAction, kRobot);
  const ChannelValues measured{1.25, -0.75};
  std::vector<float> normalized(2);
  codec.encode_state(measured, normalized);
  std::vector<double> values(2);
  codec.decode_action(normalized, measured, values);
  CHECK(values[0] == doctest::Approx(1.25));
  CHECK(values[1] == doctest::Approx(-0.75));
}

TEST_CASE("rows may be wider than the robot: padding is not read, and is clean at 0 where rows go back to the policy") {
  const ActionCodec codec(kState, kAction, kRobot, 4);
  const std::vector<float> rows{0.5F, 0.25F, 9.0F, -9.0F, -0.5F, 0.125F, 7.0F, 7.0F};
  std::vector<double> values(4);
  codec.decode_action(rows, {0.0, 0.0}, values);
  CHECK(values == std::vector<double>{1.5, 0.0, -0.5, -0.5});
  std::vector<float> back(8, 5.0F);
  codec.encode_action(values, {0.0, 0.0}, back);
  CHECK(back == std::vector<float>{0.5F, 0.25F, 0.0F, 0.0F, -0.5F, 0.125F, 0.0F, 0.0F});
  CHECK_THROWS_WITH_AS(ActionCodec(kState, kAction, kRobot, 1),
                       doctest::Contains("2 action channels do not fit into the policy's rows of 1 columns"),
                       ConfigError);
}

TEST_CASE("names that do not match are refused with both sides") {
  CHECK_THROWS_WITH_AS(ActionCodec({{"c", 0.0, 1.0}}, kAction, kRobot),
                       doctest::Contains("state channel c is not on the robot, which has a, b"), ConfigError);
  CHECK_THROWS_WITH_AS(ActionCodec(kState, {{"a", 0.0, 1.0, false}}, kRobot),
                       doctest::Contains("b is commanded by no action"), ConfigError);
  CHECK_THROWS_AS(ActionCodec(kState, {{"a", 0.0, 1.0, false}, {"a", 0.0, 1.0, false}, {"b", 0.0, 1.0, false}}, kRobot),
                  ConfigError);
  CHECK_THROWS_AS(ActionCodec({{"a", 0.0, 0.0}}, kAction, kRobot), ConfigError);
}
