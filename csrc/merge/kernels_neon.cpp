// NEON, which every aarch64 has. float32x4_t and float64x2_t in groups, so that lanes and sums are those of the other
// files.
#include <arm_neon.h>

#include "merge/kernel_body.hpp"

namespace retain::merge {
namespace {

uint16x4_t load_words(const void* p) {
  uint16x4_t words;
  __builtin_memcpy(&words, p, sizeof words);
  return words;
}
void store_words(void* p, uint16x4_t words) { __builtin_memcpy(p, &words, sizeof words); }

float32x4_t bf16_to_float(uint16x4_t words) { return vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(words), 16)); }
float32x4_t f16_to_float(uint16x4_t words) { return vcvt_f32_f16(vreinterpret_f16_u16(words)); }
uint16x4_t float_to_f16(float32x4_t value) { return vreinterpret_u16_f16(vcvt_f16_f32(value)); }

/// Round to nearest even in integer arithmetic (bfloat16 is the upper half of a float); NaN is made quiet instead.
uint16x4_t float_to_bf16(float32x4_t value) {
  const uint32x4_t bits = vreinterpretq_u32_f32(value);
  const uint32x4_t upper = vshrq_n_u32(bits, 16);
  const uint32x4_t odd = vandq_u32(upper, vdupq_n_u32(1));
  const uint32x4_t rounded = vshrq_n_u32(vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7FFF))), 16);
  const uint32x4_t quiet = vorrq_u32(upper, vdupq_n_u32(0x40));
  return vmovn_u32(vbslq_u32(vceqq_f32(value, value), rounded, quiet));
}

struct Single {
  static constexpr std::size_t kWidth = 16;
  struct Vector {
    float32x4_t q[4];
  };
  struct Mask {
    uint32x4_t q[4];
  };

  static Vector zero() { return broadcast(0.0); }
  static Vector broadcast(double value) {
    const float32x4_t v = vdupq_n_f32(static_cast<float>(value));
    return {{v, v, v, v}};
  }
  static Vector load(const Bf16* p) {
    Vector v;
    for (int i = 0; i < 4; ++i) v.q[i] = bf16_to_float(load_words(p + 4 * i));
    return v;
  }
  static Vector load(const F16* p) {
    Vector v;
    for (int i = 0; i < 4; ++i) v.q[i] = f16_to_float(load_words(p + 4 * i));
    return v;
  }
  static Vector load(const float* p) { return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}}; }

  static Vector store(Bf16* p, const Vector& a) {
    Vector stored;
    for (int i = 0; i < 4; ++i) {
      const uint16x4_t words = float_to_bf16(a.q[i]);
      store_words(p + 4 * i, words);
      stored.q[i] = bf16_to_float(words);
    }
    return stored;
  }
  static Vector store(F16* p, const Vector& a) {
    Vector stored;
    for (int i = 0; i < 4; ++i) {
      const uint16x4_t words = float_to_f16(a.q[i]);
      store_words(p + 4 * i, words);
      stored.q[i] = f16_to_float(words);
    }
    return stored;
  }
  static Vector store(float* p, const Vector& a) {
    for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.q[i]);
    return a;
  }

  static Vector subtract(const Vector& a, const Vector& b) {
    Vector v;
    for (int i = 0; i < 4; ++i) v.q[i] = vsubq_f32(a.q[i], b.q[i]);
    return v;
  }
  static Vector fma(const Vector& a, const Vector& b, const Vector& c) {
    Vector v;
    for (int i = 0; i < 4; ++i) v.q[i] = vfmaq_f32(c.q[i], a.q[i], b.q[i]);
    return v;
  }
  static Mask equal(const Vector& a, const Vector& b) {
    Mask mask;
    for (int i = 0; i < 4; ++i) mask.q[i] = vceqq_f32(a.q[i], b.q[i]);
    return mask;
  }
  static Mask not_finite(const Vector& a) {
    const uint32x4_t exponent = vdupq_n_u32(0x7F800000);
    Mask mask;
    for (int i = 0; i < 4; ++i) mask.q[i] = vceqq_u32(vandq_u32(vreinterpretq_u32_f32(a.q[i]), exponent), exponent);
    return mask;
  }
  static Vector select(const Mask& mask, const Vector& yes, const Vector& no) {
    Vector v;
    for (int i = 0; i < 4; ++i) v.q[i] = vbslq_f32(mask.q[i], yes.q[i], no.q[i]);
    return v;
  }
  static std::uint64_t count(const Mask& mask) { return count_both(mask, mask); }
  static std::uint64_t count_both(const Mask& a, const Mask& b) {
    uint32x4_t ones = vdupq_n_u32(0);
    for (int i = 0; i < 4; ++i) ones = vaddq_u32(ones, vshrq_n_u32(vandq_u32(a.q[i], b.q[i]), 31));
    return vaddvq_u32(ones);
  }
  static void add_to(double* totals, const Vector& a) {
    for (int i = 0; i < 4; ++i) {
      double* t = totals + 4 * i;
      vst1q_f64(t, vaddq_f64(vld1q_f64(t), vcvt_f64_f32(vget_low_f32(a.q[i]))));
      vst1q_f64(t + 2, vaddq_f64(vld1q_f64(t + 2), vcvt_high_f64_f32(a.q[i])));
    }
  }
};

struct Double {
  static constexpr std::size_t kWidth = 8;
  struct Vector {
    float64x2_t d[4];
  };
  struct Mask {
    uint64x2_t d[4];
  };

  static Vector from_float(float32x4_t low, float32x4_t high) {
    return {{vcvt_f64_f32(vget_low_f32(low)), vcvt_high_f64_f32(low), vcvt_f64_f32(vget_low_f32(high)),
             vcvt_high_f64_f32(high)}};
  }
  static float32x4_t nearest_float(float64x2_t low, float64x2_t high) {
    return vcvt_high_f32_f64(vcvt_f32_f64(low), high);
  }
  /// FCVTXN rounds to odd in hardware.
  static float32x4_t odd_float(float64x2_t low, float64x2_t high) {
    return vcvtx_high_f32_f64(vcvtx_f32_f64(low), high);
  }

  static Vector zero() { return broadcast(0.0); }
  static Vector broadcast(double value) {
    const float64x2_t v = vdupq_n_f64(value);
    return {{v, v, v, v}};
  }
  static Vector load(const Bf16* p) {
    return from_float(bf16_to_float(load_words(p)), bf16_to_float(load_words(p + 4)));
  }
  static Vector load(const F16* p) { return from_float(f16_to_float(load_words(p)), f16_to_float(load_words(p + 4))); }
  static Vector load(const float* p) { return from_float(vld1q_f32(p), vld1q_f32(p + 4)); }
  static Vector load(const double* p) { return {{vld1q_f64(p), vld1q_f64(p + 2), vld1q_f64(p + 4), vld1q_f64(p + 6)}}; }

  static Vector store(Bf16* p, const Vector& a) {
    const uint16x4_t low = float_to_bf16(odd_float(a.d[0], a.d[1]));
    const uint16x4_t high = float_to_bf16(odd_float(a.d[2], a.d[3]));
    store_words(p, low);
    store_words(p + 4, high);
    return from_float(bf16_to_float(low), bf16_to_float(high));
  }
  static Vector store(F16* p, const Vector& a) {
    const uint16x4_t low = float_to_f16(odd_float(a.d[0], a.d[1]));
    const uint16x4_t high = float_to_f16(odd_float(a.d[2], a.d[3]));
    store_words(p, low);
    store_words(p + 4, high);
    return from_float(f16_to_float(low), f16_to_float(high));
  }
  static Vector store(float* p, const Vector& a) {
    const float32x4_t low = nearest_float(a.d[0], a.d[1]);
    const float32x4_t high = nearest_float(a.d[2], a.d[3]);
    vst1q_f32(p, low);
    vst1q_f32(p + 4, high);
    return from_float(low, high);
  }
  static Vector store(double* p, const Vector& a) {
    for (int i = 0; i < 4; ++i) vst1q_f64(p + 2 * i, a.d[i]);
    return a;
  }

  static Vector subtract(const Vector& a, const Vector& b) {
    Vector v;
    for (int i = 0; i < 4; ++i) v.d[i] = vsubq_f64(a.d[i], b.d[i]);
    return v;
  }
  static Vector fma(const Vector& a, const Vector& b, const Vector& c) {
    Vector v;
    for (int i = 0; i < 4; ++i) v.d[i] = vfmaq_f64(c.d[i], a.d[i], b.d[i]);
    return v;
  }
  static Mask equal(const Vector& a, const Vector& b) {
    Mask mask;
    for (int i = 0; i < 4; ++i) mask.d[i] = vceqq_f64(a.d[i], b.d[i]);
    return mask;
  }
  static Mask not_finite(const Vector& a) {
    const uint64x2_t exponent = vdupq_n_u64(0x7FF0000000000000);
    Mask mask;
    for (int i = 0; i < 4; ++i) mask.d[i] = vceqq_u64(vandq_u64(vreinterpretq_u64_f64(a.d[i]), exponent), exponent);
    return mask;
  }
  static Vector select(const Mask& mask, const Vector& yes, const Vector& no) {
    Vector v;
    for (int i = 0; i < 4; ++i) v.d[i] = vbslq_f64(mask.d[i], yes.d[i], no.d[i]);
    return v;
  }
  static std::uint64_t count(const Mask& mask) { return count_both(mask, mask); }
  static std::uint64_t count_both(const Mask& a, const Mask& b) {
    uint64x2_t ones = vdupq_n_u64(0);
    for (int i = 0; i < 4; ++i) ones = vaddq_u64(ones, vshrq_n_u64(vandq_u64(a.d[i], b.d[i]), 63));
    return vaddvq_u64(ones);
  }
  static void add_to(double* totals, const Vector& a) {
    for (int i = 0; i < 4; ++i) vst1q_f64(totals + 2 * i, vaddq_f64(vld1q_f64(totals + 2 * i), a.d[i]));
  }
};

/// Words of random numbers, eight at a time in 64 bits each.
struct Words {
  static constexpr std::size_t kWidth = kCounters;
  struct Vector {
    uint64x2_t d[4];
  };
  static Vector count_from(std::uint64_t first) {
    const uint64x2_t pair = vcombine_u64(vcreate_u64(0), vcreate_u64(1));
    Vector v;
    for (std::uint64_t i = 0; i < 4; ++i) v.d[i] = vaddq_u64(vdupq_n_u64(first + 2 * i), pair);
    return v;
  }
  /// Pairs of words in turn: one of `front`, one of `back`.
  static void store(std::uint32_t* p, const Vector& front, const Vector& back) {
    for (int i = 0; i < 4; ++i) {
      vst1q_u32(p + 8 * i, vreinterpretq_u32_u64(vzip1q_u64(front.d[i], back.d[i])));
      vst1q_u32(p + 8 * i + 4, vreinterpretq_u32_u64(vzip2q_u64(front.d[i], back.d[i])));
    }
  }
  static Vector broadcast(std::uint32_t value) {
    const uint64x2_t v = vdupq_n_u64(value);
    return {{v, v, v, v}};
  }
  static Vector upper(const Vector& a) {
    Vector v;
    for (int i = 0; i < 4; ++i) v.d[i] = vshrq_n_u64(a.d[i], 32);
    return v;
  }
  static Vector multiply(const Vector& a, std::uint32_t factor) {
    Vector v;
    for (int i = 0; i < 4; ++i) v.d[i] = vmull_n_u32(vmovn_u64(a.d[i]), factor);
    return v;
  }
  static Vector exclusive_or(const Vector& a, const Vector& b, const Vector& c) {
    Vector v;
    for (int i = 0; i < 4; ++i) v.d[i] = veorq_u64(veorq_u64(a.d[i], b.d[i]), c.d[i]);
    return v;
  }
  /// The lower halves: low's below high's.
  static Vector join(const Vector& low, const Vector& high) {
    Vector v;
    for (int i = 0; i < 4; ++i) v.d[i] = vsliq_n_u64(low.d[i], high.d[i], 32);
    return v;
  }
  static std::size_t keep_bin(const std::uint32_t* words, std::uint32_t upper, std::uint32_t* found) {
    return merge::keep_bin(words, upper, found);
  }
};

}  // namespace

const KernelTable& neon_kernels() {
  static constexpr KernelTable kTable = make_table<Single, Double, Words>("neon");
  return kTable;
}

}  // namespace retain::merge
