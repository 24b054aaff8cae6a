// AVX-512 F, BW, DQ and VL (Skylake-SP, Zen 4 and later). The bf16 instructions are not used: they flush subnormals to
// zero.
#include <immintrin.h>

#include "merge/kernel_body.hpp"

namespace retain::merge {
namespace {

constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
constexpr int kClassNotFinite = 0x01 | 0x08 | 0x10 | 0x80;  // quiet NaN, +inf, −inf, signalling NaN

__m256i load_256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

std::uint64_t bits_in(unsigned mask) { return static_cast<std::uint64_t>(_mm_popcnt_u32(mask)); }

struct Single {
  static constexpr std::size_t kWidth = 16;
  using Vector = __m512;
  using Mask = __mmask16;

  static Vector zero() { return _mm512_setzero_ps(); }
  static Vector broadcast(double value) { return _mm512_set1_ps(static_cast<float>(value)); }
  static Vector from_words(__m512i words) { return _mm512_castsi512_ps(_mm512_slli_epi32(words, 16)); }
  static Vector load(const Bf16* p) { return from_words(_mm512_cvtepu16_epi32(load_256(p))); }
  static Vector load(const F16* p) { return _mm512_cvtph_ps(load_256(p)); }
  static Vector load(const float* p) { return _mm512_loadu_ps(p); }

  static Vector store(Bf16* p, Vector a) {
    const __m512i bits = _mm512_castps_si512(a);
    const __m512i upper = _mm512_srli_epi32(bits, 16);
    const __m512i odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
    const __m512i rounded =
        _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF))), 16);
    const __mmask16 nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
    const __m512i words = _mm512_mask_or_epi32(rounded, nan, upper, _mm512_set1_epi32(0x40));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(words));
    return from_words(words);
  }
  static Vector store(F16* p, Vector a) {
    const __m256i halves = _mm512_cvtps_ph(a, kNearest);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), halves);
    return _mm512_cvtph_ps(halves);
  }
  static Vector store(float* p, Vector a) {
    _mm512_storeu_ps(p, a);
    return a;
  }

  static Vector subtract(Vector a, Vector b) { return _mm512_sub_ps(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static Mask equal(Vector a, Vector b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
  static Mask not_finite(Vector a) { return _mm512_fpclass_ps_mask(a, kClassNotFinite); }
  static Vector select(Mask mask, Vector yes, Vector no) { return _mm512_mask_blend_ps(mask, no, yes); }
  static std::uint64_t count(Mask mask) { return bits_in(mask); }
  static std::uint64_t count_both(Mask a, Mask b) { return bits_in(static_cast<unsigned>(a) & b); }
  static void add_to(double* totals, Vector a) {
    const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(a));
    const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
    _mm512_storeu_pd(totals, _mm512_add_pd(_mm512_loadu_pd(totals), low));
    _mm512_storeu_pd(totals + 8, _mm512_add_pd(_mm512_loadu_pd(totals + 8), high));
  }
};

struct Double {
  static constexpr std::size_t kWidth = 8;
  using Vector = __m512d;
  using Mask = __mmask8;

  static __m128i load_128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
  static Vector from_words(__m256i words) { return _mm512_cvtps_pd(_mm256_castsi256_ps(_mm256_slli_epi32(words, 16))); }
  /// round_to_odd of dtype.hpp, eight at a time.
  static __m256 to_odd_float(Vector value) {
    const __m256 nearest = _mm512_cvtpd_ps(value);
    const Vector back = _mm512_cvtps_pd(nearest);
    const Mask too_far = _mm512_cmp_pd_mask(_mm512_abs_pd(back), _mm512_abs_pd(value), _CMP_GT_OQ);
    const Mask inexact = _mm512_cmp_pd_mask(back, value, _CMP_NEQ_OQ);
    const __m256i one = _mm256_set1_epi32(1);
    __m256i bits = _mm256_castps_si256(nearest);
    bits = _mm256_mask_sub_epi32(bits, too_far, bits, one);
    bits = _mm256_mask_or_epi32(bits, inexact, bits, one);
    return _mm256_castsi256_ps(bits);
  }

  static Vector zero() { return _mm512_setzero_pd(); }
  static Vector broadcast(double value) { return _mm512_set1_pd(value); }
  static Vector load(const Bf16* p) { return from_words(_mm256_cvtepu16_epi32(load_128(p))); }
  static Vector load(const F16* p) { return _mm512_cvtps_pd(_mm256_cvtph_ps(load_128(p))); }
  static Vector load(const float* p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }
  static Vector load(const double* p) { return _mm512_loadu_pd(p); }

  static Vector store(Bf16* p, Vector a) {
    const __m256 value = to_odd_float(a);
    const __m256i bits = _mm256_castps_si256(value);
    const __m256i upper = _mm256_srli_epi32(bits, 16);
    const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
    const __m256i rounded =
        _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF))), 16);
    const __mmask8 nan = _mm256_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    const __m256i words = _mm256_mask_or_epi32(rounded, nan, upper, _mm256_set1_epi32(0x40));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtepi32_epi16(words));
    return from_words(words);
  }
  static Vector store(F16* p, Vector a) {
    const __m128i halves = _mm256_cvtps_ph(to_odd_float(a), kNearest);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), halves);
    return _mm512_cvtps_pd(_mm256_cvtph_ps(halves));
  }
  static Vector store(float* p, Vector a) {
    const __m256 value = _mm512_cvtpd_ps(a);
    _mm256_storeu_ps(p, value);
    return _mm512_cvtps_pd(value);
  }
  static Vector store(double* p, Vector a) {
    _mm512_storeu_pd(p, a);
    return a;
  }

  static Vector subtract(Vector a, Vector b) { return _mm512_sub_pd(a, b); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_pd(a, b, c); }
  static Mask equal(Vector a, Vector b) { return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ); }
  static Mask not_finite(Vector a) { return _mm512_fpclass_pd_mask(a, kClassNotFinite); }
  static Vector select(Mask mask, Vector yes, Vector no) { return _mm512_mask_blend_pd(mask, no, yes); }
  static std::uint64_t count(Mask mask) { return bits_in(mask); }
  static std::uint64_t count_both(Mask a, Mask b) { return bits_in(static_cast<unsigned>(a) & b); }
  static void add_to(double* totals, Vector a) { _mm512_storeu_pd(totals, _mm512_add_pd(_mm512_loadu_pd(totals), a)); }
};

/// Words of random numbers, eight at a time in 64 bits each.
struct Words {
  static constexpr std::size_t kWidth = kCounters;
  static __m512i count_from(std::uint64_t first) {
    return _mm512_add_epi64(_mm512_set1_epi64(static_cast<long long>(first)),
                            _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
  }
  /// Pairs of words in turn: one of `front`, one of `back`.
  static void store(std::uint32_t* p, __m512i front, __m512i back) {
    const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const __m512i high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    _mm512_storeu_si512(p, _mm512_permutex2var_epi64(front, low, back));
    _mm512_storeu_si512(p + 16, _mm512_permutex2var_epi64(front, high, back));
  }
  static __m512i broadcast(std::uint32_t value) { return _mm512_set1_epi64(static_cast<long long>(value)); }
  static __m512i upper(__m512i a) { return _mm512_srli_epi64(a, 32); }
  static __m512i multiply(__m512i a, std::uint32_t factor) { return _mm512_mul_epu32(a, broadcast(factor)); }
  static __m512i exclusive_or(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
  /// The lower halves: low's below high's.
  static __m512i join(__m512i low, __m512i high) {
    return _mm512_mask_blend_epi32(0xAAAA, low, _mm512_slli_epi64(high, 32));
  }
  static std::size_t keep_bin(const std::uint32_t* words, std::uint32_t upper, std::uint32_t* found) {
    const __m512i wanted = _mm512_set1_epi32(static_cast<int>(upper));
    std::size_t count = 0;
    for (std::size_t i = 0; i < kBlockElements; i += 16) {
      const __m512i bits = _mm512_loadu_si512(words + i);
      const __mmask16 match = _mm512_cmpeq_epi32_mask(_mm512_srli_epi32(bits, 16), wanted);
      // Compressed in a register and stored whole: some processors compress into memory very slowly.
      _mm512_storeu_si512(found + count, _mm512_maskz_compress_epi32(match, bits));
      count += bits_in(match);
    }
    return count;
  }
};

}  // namespace

const KernelTable& avx512_kernels() {
  static constexpr KernelTable kTable = make_table<Single, Double, Words>("avx512");
  return kTable;
}

}  // namespace retain::merge
