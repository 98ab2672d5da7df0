// Mirrors seeding.py: Philox-4x32-10, eight blocks side by side, and the dropout mask made of its words.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace chainrule {
namespace {

constexpr std::size_t blocks_at_once = 8;
typedef std::uint64_t Blocks __attribute__((vector_size(64)));

// The product of the low halves of every 64-bit number.
CHAINRULE_INLINE Blocks multiply_low(Blocks x, std::uint64_t by) {
#if defined(CHAINRULE_AVX512)
  return (Blocks)_mm512_maskz_mul_epu32(0xFF, (__m512i)x, _mm512_set1_epi64(static_cast<long long>(by)));
#else
  Blocks y;
  for (std::size_t k = 0; k < blocks_at_once; ++k) y[k] = (x[k] & 0xFFFFFFFFu) * by;
  return y;
#endif
}

// Words 32·first_block … of a stream: n of these groups of 32.
void philox_words(PhiloxKey key, std::uint32_t lane, std::uint64_t first_block, std::uint64_t n, std::uint32_t* out) {
  const std::uint64_t low = 0xFFFFFFFFu;
  for (std::uint64_t group = 0; group < n; ++group, out += 32) {
    Blocks c0, c1, c2, c3;
    for (std::size_t k = 0; k < blocks_at_once; ++k) {
      const std::uint64_t block = (first_block + group) * blocks_at_once + k;
      c0[k] = block & low, c1[k] = block >> 32, c2[k] = lane, c3[k] = 0;
    }
    std::uint32_t k0 = key.k0, k1 = key.k1;
    for (int round = 0; round < 10; ++round) {
      const Blocks p0 = multiply_low(c0, 0xD2511F53u), p1 = multiply_low(c2, 0xCD9E8D57u);
      c0 = (p1 >> 32) ^ c1 ^ k0;
      c2 = (p0 >> 32) ^ c3 ^ k1;
      c1 = p1 & low;
      c3 = p0 & low;
      k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    for (std::size_t k = 0; k < blocks_at_once; ++k) {
      out[4 * k] = static_cast<std::uint32_t>(c0[k]), out[4 * k + 1] = static_cast<std::uint32_t>(c1[k]);
      out[4 * k + 2] = static_cast<std::uint32_t>(c2[k]), out[4 * k + 3] = static_cast<std::uint32_t>(c3[k]);
    }
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
