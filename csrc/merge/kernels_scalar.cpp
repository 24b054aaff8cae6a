// Plain C++: the reference that every other instruction set must equal bit for bit, and what runs where there is none
// of them.
#include <cmath>

#include "merge/dtype.hpp"
#include "merge/kernel_body.hpp"

namespace retain::merge {
namespace {

template <class Real, std::size_t kLanes>
struct ScalarLanes {
  static constexpr std::size_t kWidth = kLanes;
  struct Vector {
    Real lane[kLanes];
  };
  struct Mask {
    bool lane[kLanes];
  };

  template <class Function>
  static Vector each(Function function) {
    Vector result;
    for (std::size_t i = 0; i < kLanes; ++i) result.lane[i] = function(i);
    return result;
  }

  static Vector zero() { return Vector{}; }
  static Vector broadcast(double value) {
    return each([&](std::size_t) { return static_cast<Real>(value); });
  }
  template <class In>
  static Vector load(const In* p) {
    return each([&](std::size_t i) { return static_cast<Real>(widen(p[i])); });
  }
  static Vector subtract(const Vector& a, const Vector& b) {
    return each([&](std::size_t i) { return a.lane[i] - b.lane[i]; });
  }
  static Vector fma(const Vector& a, const Vector& b, const Vector& c) {
    return each([&](std::size_t i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
  }
  static Mask equal(const Vector& a, const Vector& b) {
    Mask mask;
    // Ordered comparison, spelled so that -Wfloat-equal users see it is meant: NaN equals nothing.
    for (std::size_t i = 0; i < kLanes; ++i) mask.lane[i] = a.lane[i] <= b.lane[i] && a.lane[i] >= b.lane[i];
    return mask;
  }
  static Mask not_finite(const Vector& a) {
    Mask mask;
    for (std::size_t i = 0; i < kLanes; ++i) mask.lane[i] = !std::isfinite(a.lane[i]);
    return mask;
  }
  static Vector select(const Mask& mask, const Vector& yes, const Vector& no) {
    return each([&](std::size_t i) { return mask.lane[i] ? yes.lane[i] : no.lane[i]; });
  }
  static std::uint64_t count(const Mask& mask) { return count_both(mask, mask); }
  static std::uint64_t count_both(const Mask& a, const Mask& b) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < kLanes; ++i) total += a.lane[i] && b.lane[i] ? 1 : 0;
    return total;
  }
  static void add_to(double* totals, const Vector& a) {
    for (std::size_t i = 0; i < kLanes; ++i) totals[i] += static_cast<double>(a.lane[i]);
  }

  /// Stores and returns what was stored, widened again.
  template <class Out>
  static Vector store(Out* out, const Vector& a) {
    for (std::size_t i = 0; i < kLanes; ++i) round_into(out[i], a.lane[i]);
    return load(out);
  }

 private:
  static void round_into(Bf16& out, float value) { out = round_to_bf16(value); }
  static void round_into(F16& out, float value) { out = round_to_f16(value); }
  static void round_into(float& out, float value) { out = value; }
  static void round_into(Bf16& out, double value) { out = round_to_bf16(round_to_odd(value)); }
  static void round_into(F16& out, double value) { out = round_to_f16(round_to_odd(value)); }
  static void round_into(float& out, double value) { out = static_cast<float>(value); }
  static void round_into(double& out, double value) { out = value; }
};

/// Words of random numbers in 64 bits each.
struct Words {
  static constexpr std::size_t kWidth = 1;
  static std::uint64_t count_from(std::uint64_t first) { return first; }
  /// Pairs of words in turn: one of `front`, one of `back`.
  static void store(std::uint32_t* p, std::uint64_t front, std::uint64_t back) {
    p[0] = static_cast<std::uint32_t>(front);
    p[1] = static_cast<std::uint32_t>(front >> 32);
    p[2] = static_cast<std::uint32_t>(back);
    p[3] = static_cast<std::uint32_t>(back >> 32);
  }
  static std::uint64_t broadcast(std::uint32_t value) { return value; }
  static std::uint64_t upper(std::uint64_t a) { return a >> 32; }
  static std::uint64_t multiply(std::uint64_t a, std::uint32_t factor) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(a)) * factor;
  }
  static std::uint64_t exclusive_or(std::uint64_t a, std::uint64_t b, std::uint64_t c) { return a ^ b ^ c; }
  /// The lower halves: low's below high's.
  static std::uint64_t join(std::uint64_t low, std::uint64_t high) { return (low & 0xFFFFFFFFU) | high << 32; }
  static std::size_t keep_bin(const std::uint32_t* words, std::uint32_t upper, std::uint32_t* found) {
    return merge::keep_bin(words, upper, found);
  }
};

}  // namespace

const KernelTable& scalar_kernels() {
  static constexpr KernelTable kTable = make_table<ScalarLanes<float, 16>, ScalarLanes<double, 8>, Words>("scalar");
  return kTable;
}

}  // namespace retain::merge
