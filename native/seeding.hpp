// Mirrors seeding.py: Philox-4x32-10, several blocks side by side, and the dropout mask made of its words.
#pragma once

#include "kernels.hpp"
#include "packing.hpp"
#include "simd.hpp"

namespace chainrule {
namespace {

#if defined(CHAINRULE_ONE_LANE)
constexpr std::size_t blocks_at_once = 8;
#else
constexpr std::size_t blocks_at_once = vector_bytes / 8;
#endif
typedef std::uint64_t Blocks __attribute__((vector_size(8 * blocks_at_once), may_alias));

// The product of the low halves of every 64-bit number.
CHAINRULE_INLINE Blocks multiply_low(Blocks x, std::uint64_t by) {
#if defined(CHAINRULE_AVX512)
  return (Blocks)_mm512_maskz_mul_epu32(0xFF, (__m512i)x, _mm512_set1_epi64(static_cast<long long>(by)));
#elif defined(CHAINRULE_AVX2)
  return (Blocks)_mm256_mul_epu32((__m256i)x, _mm256_set1_epi64x(static_cast<long long>(by)));
#else
  Blocks y;
  for (std::size_t k = 0; k < blocks_at_once; ++k) y[k] = (x[k] & 0xFFFFFFFFu) * by;
  return y;
#endif
}

#if defined(CHAINRULE_ONE_LANE)
CHAINRULE_INLINE void store_words(Blocks c0, Blocks c1, Blocks c2, Blocks c3, std::uint32_t* out) {
  for (std::size_t k = 0; k < blocks_at_once; ++k) {
    out[4 * k] = static_cast<std::uint32_t>(c0[k]), out[4 * k + 1] = static_cast<std::uint32_t>(c1[k]);
    out[4 * k + 2] = static_cast<std::uint32_t>(c2[k]), out[4 * k + 3] = static_cast<std::uint32_t>(c3[k]);
  }
}
#else
// The lower half of a number lies first in memory on every machine that has these vectors.
CHAINRULE_INLINE void store_words(Blocks c0, Blocks c1, Blocks c2, Blocks c3, std::uint32_t* out) {
  Blocks first, second;
  interleave(c0 | c1 << 32, c2 | c3 << 32, first, second, Numbers<blocks_at_once>());
  __builtin_memcpy(out, &first, sizeof first);
  __builtin_memcpy(out + 2 * blocks_at_once, &second, sizeof second);
}
#endif

// Words 32·first_group … of a stream: n of these groups of 32, which eight blocks make.
void philox_words(PhiloxKey key, std::uint32_t lane, std::uint64_t first_group, std::uint64_t n, std::uint32_t* out) {
  const std::uint64_t low = 0xFFFFFFFFu;
  Blocks numbers;
  for (std::size_t k = 0; k < blocks_at_once; ++k) numbers[k] = k;
  for (std::uint64_t block = 8 * first_group; block < 8 * (first_group + n); block += blocks_at_once) {
    const Blocks number = numbers + block;
    Blocks c0 = number & low, c1 = number >> 32, c2 = Blocks{} + lane, c3{};
    std::uint32_t k0 = key.k0, k1 = key.k1;
    for (int round = 0; round < 10; ++round) {
      const Blocks p0 = multiply_low(c0, 0xD2511F53u), p1 = multiply_low(c2, 0xCD9E8D57u);
      c0 = (p1 >> 32) ^ c1 ^ k0;
      c2 = (p0 >> 32) ^ c3 ^ k1;
      c1 = p1 & low;
      c3 = p0 & low;
      k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    store_words(c0, c1, c2, c3, out);
    out += 4 * blocks_at_once;
  }
}

// Unit (i, j) is kept where word i·n_out + j of the stream is at least the threshold.
template <class T>
void dropout_mask(PhiloxKey key, std::uint32_t lane, std::uint32_t threshold, T kept, Panels<T> mask, std::size_t i0,
                  std::size_t i1, std::uint32_t* scratch) {
  const std::size_t n = mask.columns, first = i0 * n / 32, end = (i1 * n + 31) / 32;
  philox_words(key, lane, first, end - first, scratch);
  for (std::size_t i = i0; i < i1; ++i) {
    const std::uint32_t* word = scratch + (i * n - first * 32);
    for (std::size_t p = 0; p < n_panels<T>(n); ++p) {
      T* const row = mask.data + panel_start<T>(mask.rows, p) + i * panel_width<T>(n, p);
      const std::size_t width = n - p * panel<T> < panel<T> ? n - p * panel<T> : panel<T>;
      for (std::size_t j = 0; j < width; ++j) row[j] = word[p * panel<T> + j] >= threshold ? kept : T(0);
    }
  }
}

}  // namespace
}  // namespace chainrule
