// AVX2 + FMA + F16C (x86 since 2013). Compiled with those flags; run only where dispatch.cpp found them.
#include <immintrin.h>

#include "merge/kernel_body.hpp"

namespace retain::merge {
namespace {

__m128i load_128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }

__m256 bf16_to_float(__m128i halves) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

/// Round to nearest even in integer arithmetic (bfloat16 is the upper half of a float); NaN is made quiet instead.
__m256i float_to_bf16_words(__m256 value) {
  const __m256i bits = _mm256_castps_si256(value);
  const __m256i upper = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
  const __m256i rounded =
      _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF))), 16);
  const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(value, value, _CMP_UNORD_Q));
  return _mm256_blendv_epi8(rounded, quiet, nan);
}

__m256 words_to_float(__m256i words) { return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16)); }

struct Single {
  static constexpr std::size_t kWidth = 16;
  struct Vector {
    __m256 low, high;
  };
  using Mask = Vector;  // all ones where true

  static Vector zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static Vector broadcast(double value) {
    const __m256 v = _mm256_set1_ps(static_cast<float>(value));
    return {v, v};
  }
  static Vector load(const Bf16* p) { return {bf16_to_float(load_128(p)), bf16_to_float(load_128(p + 8))}; }
  static Vector load(const F16* p) { return {_mm256_cvtph_ps(load_128(p)), _mm256_cvtph_ps(load_128(p + 8))}; }
  static Vector load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }

  static Vector store(Bf16* p, const Vector& a) {
    const __m256i low = float_to_bf16_words(a.low);
    const __m256i high = float_to_bf16_words(a.high);
    // packus works within 128-bit halves; the permutation puts the quarters back in order.
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xD8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), packed);
    return {words_to_float(low), words_to_float(high)};
  }
  static Vector store(F16* p, const Vector& a) {
    const __m128i low = _mm256_cvtps_ph(a.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m128i high = _mm256_cvtps_ph(a.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), low);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), high);
    return {_mm256_cvtph_ps(low), _mm256_cvtph_ps(high)};
  }
  static Vector store(float* p, const Vector& a) {
    _mm256_storeu_ps(p, a.low);
    _mm256_storeu_ps(p + 8, a.high);
    return a;
  }

  static Vector subtract(const Vector& a, const Vector& b) {
    return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
  }
  static Vector fma(const Vector& a, const Vector& b, const Vector& c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }
  static Mask equal(const Vector& a, const Vector& b) {
    return {_mm256_cmp_ps(a.low, b.low, _CMP_EQ_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_EQ_OQ)};
  }
  static Mask not_finite(const Vector& a) {
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF));
    const __m256 infinity = _mm256_castsi256_ps(_mm256_set1_epi32(0x7F800000));
    return {_mm256_cmp_ps(_mm256_and_ps(a.low, magnitude), infinity, _CMP_NLT_UQ),
            _mm256_cmp_ps(_mm256_and_ps(a.high, magnitude), infinity, _CMP_NLT_UQ)};
  }
  static Vector select(const Mask& mask, const Vector& yes, const Vector& no) {
    return {_mm256_blendv_ps(no.low, yes.low, mask.low), _mm256_blendv_ps(no.high, yes.high, mask.high)};
  }
  static std::uint64_t count(const Mask& mask) {
    const int bits = _mm256_movemask_ps(mask.low) | (_mm256_movemask_ps(mask.high) << 8);
    return static_cast<std::uint64_t>(_mm_popcnt_u32(static_cast<unsigned>(bits)));
  }
  static std::uint64_t count_both(const Mask& a, const Mask& b) {
    return count({_mm256_and_ps(a.low, b.low), _mm256_and_ps(a.high, b.high)});
  }
  static void add_to(double* totals, const Vector& a) {
    const __m256 halves[2] = {a.low, a.high};
    for (std::size_t i = 0; i < 2; ++i) {
      double* t = totals + 8 * i;
      const __m256d first = _mm256_cvtps_pd(_mm256_castps256_ps128(halves[i]));
      const __m256d second = _mm256_cvtps_pd(_mm256_extractf128_ps(halves[i], 1));
      _mm256_storeu_pd(t, _mm256_add_pd(_mm256_loadu_pd(t), first));
      _mm256_storeu_pd(t + 4, _mm256_add_pd(_mm256_loadu_pd(t + 4), second));
    }
  }
};

/// Upper or lower 32 bits of every 64-bit mask lane are the same; keep one of each.
__m128i narrow_mask(__m256d mask) {
  const __m256 words = _mm256_castpd_ps(mask);
  return _mm_castps_si128(_mm_shuffle_ps(_mm256_castps256_ps128(words), _mm256_extractf128_ps(words, 1), 0x88));
}

/// round_to_odd of dtype.hpp, four at a time.
__m128 round_to_odd(__m256d value) {
  const __m256d magnitude = _mm256_castsi256_pd(_mm256_set1_epi64x(0x7FFFFFFFFFFFFFFF));
  const __m128 nearest = _mm256_cvtpd_ps(value);
  const __m256d back = _mm256_cvtps_pd(nearest);
  const __m128i too_far = narrow_mask(
      _mm256_cmp_pd(_mm256_and_pd(back, magnitude), _mm256_and_pd(value, magnitude), _CMP_GT_OQ));  // −1 where true
  const __m128i inexact = narrow_mask(_mm256_cmp_pd(back, value, _CMP_NEQ_OQ));
  const __m128i bits = _mm_add_epi32(_mm_castps_si128(nearest), too_far);
  return _mm_castsi128_ps(_mm_or_si128(bits, _mm_and_si128(inexact, _mm_set1_epi32(1))));
}

struct Double {
  static constexpr std::size_t kWidth = 8;
  struct Vector {
    __m256d low, high;
  };
  using Mask = Vector;

  static Vector from_float(__m256 v) {
    return {_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
  }
  static __m256 to_odd_float(const Vector& a) { return _mm256_set_m128(round_to_odd(a.high), round_to_odd(a.low)); }

  static Vector zero() { return {_mm256_setzero_pd(), _mm256_setzero_pd()}; }
  static Vector broadcast(double value) { return {_mm256_set1_pd(value), _mm256_set1_pd(value)}; }
  static Vector load(const Bf16* p) { return from_float(bf16_to_float(load_128(p))); }
  static Vector load(const F16* p) { return from_float(_mm256_cvtph_ps(load_128(p))); }
  static Vector load(const float* p) { return from_float(_mm256_loadu_ps(p)); }
  static Vector load(const double* p) { return {_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4)}; }

  static Vector store(Bf16* p, const Vector& a) {
    const __m256i words = float_to_bf16_words(to_odd_float(a));
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(words, words), 0xD8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
    return from_float(words_to_float(words));
  }
  static Vector store(F16* p, const Vector& a) {
    const __m128i halves = _mm256_cvtps_ph(to_odd_float(a), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), halves);
    return from_float(_mm256_cvtph_ps(halves));
  }
  static Vector store(float* p, const Vector& a) {
    const __m256 v = _mm256_set_m128(_mm256_cvtpd_ps(a.high), _mm256_cvtpd_ps(a.low));
    _mm256_storeu_ps(p, v);
    return from_float(v);
  }
  static Vector store(double* p, const Vector& a) {
    _mm256_storeu_pd(p, a.low);
    _mm256_storeu_pd(p + 4, a.high);
    return a;
  }

  static Vector subtract(const Vector& a, const Vector& b) {
    return {_mm256_sub_pd(a.low, b.low), _mm256_sub_pd(a.high, b.high)};
  }
  static Vector fma(const Vector& a, const Vector& b, const Vector& c) {
    return {_mm256_fmadd_pd(a.low, b.low, c.low), _mm256_fmadd_pd(a.high, b.high, c.high)};
  }
  static Mask equal(const Vector& a, const Vector& b) {
    return {_mm256_cmp_pd(a.low, b.low, _CMP_EQ_OQ), _mm256_cmp_pd(a.high, b.high, _CMP_EQ_OQ)};
  }
  static Mask not_finite(const Vector& a) {
    const __m256d magnitude = _mm256_castsi256_pd(_mm256_set1_epi64x(0x7FFFFFFFFFFFFFFF));
    const __m256d infinity = _mm256_castsi256_pd(_mm256_set1_epi64x(0x7FF0000000000000));
    return {_mm256_cmp_pd(_mm256_and_pd(a.low, magnitude), infinity, _CMP_NLT_UQ),
            _mm256_cmp_pd(_mm256_and_pd(a.high, magnitude), infinity, _CMP_NLT_UQ)};
  }
  static Vector select(const Mask& mask, const Vector& yes, const Vector& no) {
    return {_mm256_blendv_pd(no.low, yes.low, mask.low), _mm256_blendv_pd(no.high, yes.high, mask.high)};
  }
  static std::uint64_t count(const Mask& mask) {
    const int bits = _mm256_movemask_pd(mask.low) | (_mm256_movemask_pd(mask.high) << 4);
    return static_cast<std::uint64_t>(_mm_popcnt_u32(static_cast<unsigned>(bits)));
  }
  static std::uint64_t count_both(const Mask& a, const Mask& b) {
    return count({_mm256_and_pd(a.low, b.low), _mm256_and_pd(a.high, b.high)});
  }
  static void add_to(double* totals, const Vector& a) {
    _mm256_storeu_pd(totals, _mm256_add_pd(_mm256_loadu_pd(totals), a.low));
    _mm256_storeu_pd(totals + 4, _mm256_add_pd(_mm256_loadu_pd(totals + 4), a.high));
  }
};

/// Words of random numbers, eight at a time in 64 bits each.
struct Words {
  static constexpr std::size_t kWidth = kCounters;
  struct Vector {
    __m256i low, high;
  };
  static Vector count_from(std::uint64_t first) {
    const __m256i v = _mm256_set1_epi64x(static_cast<long long>(first));
    return {_mm256_add_epi64(v, _mm256_setr_epi64x(0, 1, 2, 3)), _mm256_add_epi64(v, _mm256_setr_epi64x(4, 5, 6, 7))};
  }
  /// Pairs of words in turn: one of `front`, one of `back`.
  static void store(std::uint32_t* p, const Vector& front, const Vector& back) {
    const __m256i fronts[2] = {front.low, front.high};
    const __m256i backs[2] = {back.low, back.high};
    for (std::size_t i = 0; i < 2; ++i) {
      const __m256i even = _mm256_unpacklo_epi64(fronts[i], backs[i]);
      const __m256i odd = _mm256_unpackhi_epi64(fronts[i], backs[i]);
      auto* v = reinterpret_cast<__m256i*>(p + 16 * i);
      _mm256_storeu_si256(v, _mm256_permute2x128_si256(even, odd, 0x20));
      _mm256_storeu_si256(v + 1, _mm256_permute2x128_si256(even, odd, 0x31));
    }
  }
  static Vector broadcast(std::uint32_t value) {
    const __m256i v = _mm256_set1_epi64x(static_cast<long long>(value));
    return {v, v};
  }
  static Vector upper(const Vector& a) { return {_mm256_srli_epi64(a.low, 32), _mm256_srli_epi64(a.high, 32)}; }
  static Vector multiply(const Vector& a, std::uint32_t factor) {
    const __m256i v = _mm256_set1_epi64x(static_cast<long long>(factor));
    return {_mm256_mul_epu32(a.low, v), _mm256_mul_epu32(a.high, v)};
  }
  static Vector exclusive_or(const Vector& a, const Vector& b, const Vector& c) {
    return {_mm256_xor_si256(_mm256_xor_si256(a.low, b.low), c.low),
            _mm256_xor_si256(_mm256_xor_si256(a.high, b.high), c.high)};
  }
  /// The lower halves: low's below high's.
  static Vector join(const Vector& low, const Vector& high) {
    return {_mm256_blend_epi32(low.low, _mm256_slli_epi64(high.low, 32), 0xAA),
            _mm256_blend_epi32(low.high, _mm256_slli_epi64(high.high, 32), 0xAA)};
  }
  static std::size_t keep_bin(const std::uint32_t* words, std::uint32_t upper, std::uint32_t* found) {
    return merge::keep_bin(words, upper, found);
  }
};

}  // namespace

const KernelTable& avx2_kernels() {
  static constexpr KernelTable kTable = make_table<Single, Double, Words>("avx2");
  return kTable;
}

}  // namespace retain::merge
