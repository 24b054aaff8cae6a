#include "camera/realsense/modes.hpp"

#include <doctest.h>

using namespace retain::rs;

TEST_CASE("the modes that are told are the nearest, at most four, none twice") {
  const std::vector<Mode> offered{{1920, 1080, 30}, {640, 480, 15}, {640, 480, 30}, {424, 240, 30},
                                  {640, 480, 30},   {640, 480, 60}, {640, 360, 30}};
  const std::vector<Mode> nearest = nearest_modes(offered, {640, 400, 30});
  REQUIRE(nearest.size() == 4);
  CHECK(nearest[0] == Mode{640, 360, 30});
  CHECK(nearest[1] == Mode{640, 480, 30});
  CHECK(to_string(nearest[1]) == "640 × 480 at 30 Hz");
}

TEST_CASE("without any mode there is none to tell") { CHECK(nearest_modes({}, {640, 480, 30}).empty()); }
