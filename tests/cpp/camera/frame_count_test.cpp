#include "camera/realsense/frame_count.hpp"

#include <doctest.h>

using retain::rs::FrameCount;

TEST_CASE("frame numbers begin at 1 and keep the device's gaps") {
  FrameCount count;
  CHECK(count.next(4711) == 1);
  CHECK(count.next(4712) == 2);
  CHECK(count.next(4715) == 5);
}

TEST_CASE("a counter that begins anew goes on where the numbers were") {
  FrameCount count;
  count.next(10);
  CHECK(count.next(11) == 2);
  CHECK(count.next(1) == 3);
  CHECK(count.next(2) == 4);
}

TEST_CASE("after opening again the next frame has the next number, however far the counter is") {
  FrameCount count;
  CHECK(count.next(10) == 1);
  count.restart();
  CHECK(count.next(9000) == 2);
  CHECK(count.next(9001) == 3);
}
