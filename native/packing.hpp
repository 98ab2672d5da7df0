// Numbers of a matrix laid side by side, as they are or transposed, before a product reads them many times.
// Infrastructure without mathematics.
#pragma once

#include "panels.hpp"
#include "simd.hpp"

namespace chainrule {
namespace {

// n rows of `width` numbers, a multiple of a vector's, from a stride to side by side
template <class T>
[[gnu::noinline]] void lay_out(const T* in, std::size_t stride, std::size_t width, std::size_t n, T* out) {
  for (std::size_t k = 0; k < n; ++k, in += stride, out += width) {
    __builtin_prefetch(in + width, 0, 2);  // the next strip's
    for (std::size_t v = 0; v < width; v += lanes<T>) store<T>(out + v, load(in + v));
  }
}

#if !defined(CHAINRULE_ONE_LANE)
template <class V, std::size_t... k> CHAINRULE_INLINE void interleave(V x, V y, V& low, V& high, Sequence<k...>) {
  constexpr std::size_t n = sizeof...(k);
  low = __builtin_shufflevector(x, y, (k / 2 + k % 2 * n)...);
  high = __builtin_shufflevector(x, y, (n / 2 + k / 2 + k % 2 * n)...);
}
#endif

#if defined(CHAINRULE_AVX2)
// x[i][j] ↔ x[j][i] of 8 × 8 and 4 × 4, within halves of 16 bytes first, where a shuffle is cheapest
CHAINRULE_INLINE void transpose_in_registers(Vector<float> (&x)[8]) {
  Vector<float> y[8];
  CHAINRULE_UNROLL
  for (int i = 0; i < 8; i += 2) {
    y[i] = __builtin_shufflevector(x[i], x[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    y[i + 1] = __builtin_shufflevector(x[i], x[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  CHAINRULE_UNROLL
  for (int i = 0; i < 8; i += 4) {
    CHAINRULE_UNROLL
    for (int k = 0; k < 2; ++k) {
      x[i + 2 * k] = __builtin_shufflevector(y[i + k], y[i + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      x[i + 2 * k + 1] = __builtin_shufflevector(y[i + k], y[i + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  CHAINRULE_UNROLL
  for (int i = 0; i < 4; ++i) {
    y[i] = __builtin_shufflevector(x[i], x[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    y[i + 4] = __builtin_shufflevector(x[i], x[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  CHAINRULE_UNROLL
  for (int i = 0; i < 8; ++i) x[i] = y[i];
}
CHAINRULE_INLINE void transpose_in_registers(Vector<double> (&x)[4]) {
  Vector<double> y[4];
  CHAINRULE_UNROLL
  for (int i = 0; i < 4; i += 2) {
    y[i] = __builtin_shufflevector(x[i], x[i + 1], 0, 4, 2, 6);
    y[i + 1] = __builtin_shufflevector(x[i], x[i + 1], 1, 5, 3, 7);
  }
  CHAINRULE_UNROLL
  for (int i = 0; i < 2; ++i) {
    x[i] = __builtin_shufflevector(y[i], y[i + 2], 0, 1, 4, 5);
    x[i + 2] = __builtin_shufflevector(y[i], y[i + 2], 2, 3, 6, 7);
  }
}
#endif
#if !defined(CHAINRULE_ONE_LANE)
// The same for any width: shuffling the rows like a deck of cards, log2(n) times, is the transposition.
template <class V, std::size_t n> CHAINRULE_INLINE void transpose_in_registers(V (&x)[n]) {
  V y[n];
  CHAINRULE_UNROLL
  for (std::size_t round = 1; round < n; round *= 2) {
    CHAINRULE_UNROLL
    for (std::size_t i = 0; i < n / 2; ++i) interleave(x[i], x[i + n / 2], y[2 * i], y[2 * i + 1], Numbers<n>());
    CHAINRULE_UNROLL
    for (std::size_t i = 0; i < n; ++i) x[i] = y[i];
  }
}
#endif

#if !defined(CHAINRULE_ONE_LANE)
// lanes × lanes numbers transposed on their way: from the first n rows that begin at `in`, 0 in place of the others
template <class T>
CHAINRULE_INLINE void load_transposed(const T* in, std::size_t row, std::size_t n, Vector<T> (&x)[lanes<T>]) {
  CHAINRULE_UNROLL
  for (std::size_t i = 0; i < lanes<T>; ++i) x[i] = i < n ? load(in + i * row) : broadcast<T>(0);
  transpose_in_registers(x);
}
// to the first n rows that begin at `out`
template <class T>
CHAINRULE_INLINE void store_transposed(Vector<T> (&x)[lanes<T>], T* out, std::size_t row, std::size_t n) {
  transpose_in_registers(x);
  CHAINRULE_UNROLL
  for (std::size_t i = 0; i < lanes<T>; ++i)
    if (i < n) store<T>(out + i * row, x[i]);
}
#endif

// lanes × lanes numbers: out[j·out_row + i] = in[i·in_row + j], for i < n_rows; 0 for the other i
template <class T>
CHAINRULE_INLINE void transpose_square(const T* in, std::size_t in_row, std::size_t n_rows, T* out,
                                       std::size_t out_row) {
#if defined(CHAINRULE_ONE_LANE)
  (void)in_row, (void)out_row;
  *out = n_rows > 0 ? *in : T(0);
#else
  Vector<T> x[lanes<T>];
  load_transposed<T>(in, in_row, n_rows, x);
  CHAINRULE_UNROLL
  for (std::size_t j = 0; j < lanes<T>; ++j) store(out + j * out_row, x[j]);
#endif
}

// Columns c0 … c1 of W.T (rows of W), rows k0 … k1 of it, side by side: out[(k - k0)·width + c - c0] = W[c][k]
template <class T>
[[gnu::noinline]] void transpose(Panels<const T> W, std::size_t c0, std::size_t width, std::size_t k0, std::size_t k1,
                                 T* out) {
  for (std::size_t q = k0 / panel<T>; q * panel<T> < k1; ++q) {
    const std::size_t w = panel_width<T>(W.columns, q), from = q * panel<T>;
    const T* in = W.data + panel_start<T>(W.rows, q) + c0 * w;
    for (std::size_t i = 0; i < width; i += lanes<T>) {
      const std::size_t left = W.rows > c0 + i ? W.rows - c0 - i : 0;
      for (std::size_t j = 0; j < w; j += lanes<T>)
        transpose_square<T>(in + i * w + j, w, left, out + (from - k0 + j) * width + i, width);
    }
  }
}

}  // namespace
}  // namespace chainrule
