// One register-tiled product with an epilogue. Machinery without mathematics.
//
// Every element of a product is one chain of fused multiply-adds over k, from 0 upwards, so the shape of
// a tile, the width of a vector and the split among threads cannot change a bit of it.
#pragma once

#include "panels.hpp"
#include "simd.hpp"

namespace chainrule {
namespace {

template <int n> struct Constant {
  static constexpr int value = n;
};

// Vectors of a full-width tile. With 32 registers 6 × 4 sums leave room for a row of B; with 16, 6 × 2.
#if defined(CHAINRULE_AVX512) || defined(CHAINRULE_NEON)
constexpr int tile_vectors = 4;
#elif defined(CHAINRULE_AVX2)
constexpr int tile_vectors = 2;
#else
constexpr int tile_vectors = 4;
#endif

template <class T, int R, int V> struct Tile {
  Vector<T> c[R][V];
};

template <class T, int R, int V> CHAINRULE_INLINE void clear(Tile<T, R, V>& t) {
  CHAINRULE_UNROLL
  for (int r = 0; r < R; ++r) {
    CHAINRULE_UNROLL
    for (int v = 0; v < V; ++v) t.c[r][v] = broadcast<T>(0);
  }
}

// c[r] += Σ_k a[r·a_row + k·a_k] · b[k·b_k …]
template <class T, int R, int V>
CHAINRULE_INLINE void accumulate(Tile<T, R, V>& t, const T* a, std::size_t a_row, std::size_t a_k, const T* b,
                                 std::size_t b_k, std::size_t n_k) {
  for (std::size_t k = 0; k < n_k; ++k) {
    Vector<T> b_v[V];
    CHAINRULE_UNROLL
    for (int v = 0; v < V; ++v) b_v[v] = load(b + v * static_cast<int>(lanes<T>));
    CHAINRULE_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vector<T> a_r = broadcast<T>(a[static_cast<std::size_t>(r) * a_row]);
      CHAINRULE_UNROLL
      for (int v = 0; v < V; ++v) t.c[r][v] = fma_(a_r, b_v[v], t.c[r][v]);
    }
    a += a_k;
    b += b_k;
  }
}

// Calls f(Constant<R>, i) for tiles of R rows that cover i0 … i1.
template <int V, class F> CHAINRULE_INLINE void for_row_tiles(std::size_t i0, std::size_t i1, F&& f) {
#if defined(CHAINRULE_ONE_LANE)
  for (; i0 + 2 <= i1; i0 += 2) f(Constant<2>(), i0);
#else
  if constexpr (V <= 2 && tile_vectors == 4) {
    for (; i0 + 12 <= i1; i0 += 12) f(Constant<12>(), i0);
    if (i0 + 10 <= i1) f(Constant<10>(), i0), i0 += 10;
  }
  if constexpr (V == 3) {
    for (; i0 + 8 <= i1; i0 += 8) f(Constant<8>(), i0);
  }
  for (; i0 + 6 <= i1; i0 += 6) f(Constant<6>(), i0);
  if (i0 + 4 <= i1) f(Constant<4>(), i0), i0 += 4;
  if (i0 + 2 <= i1) f(Constant<2>(), i0), i0 += 2;
#endif
  if (i0 < i1) f(Constant<1>(), i0);
}

// Calls f(Constant<V>, column) for strips of V vectors that cover the width of a panel.
template <class T, class F> CHAINRULE_INLINE void for_strips(std::size_t width, std::size_t n_rows, F&& f) {
  constexpr std::size_t lane = lanes<T>;
  std::size_t column = 0;
#if defined(CHAINRULE_AVX512)
  // 7 to 12 rows fit one tile of two vectors: B is read once instead of twice.
  const bool narrow = n_rows > 6 && n_rows <= 12;
  if (!narrow) {
    for (; column + 4 * lane <= width; column += 4 * lane) f(Constant<4>(), column);
    if (column + 3 * lane <= width) f(Constant<3>(), column), column += 3 * lane;
  }
  for (; column + 2 * lane <= width; column += 2 * lane) f(Constant<2>(), column);
  if (column < width) f(Constant<1>(), column);
#else
  (void)n_rows;
  for (; column < width; column += static_cast<std::size_t>(tile_vectors) * lane) f(Constant<tile_vectors>(), column);
#endif
}

// A part of a product: rows i0 … i1 of A, and k0 … k1 of the sums. Where `last` is not set the sums wait in the output.
struct Part {
  std::size_t i0, i1, k0, k1;
  bool first, last;
};

// Rows of a strip narrower than a panel lie 256 bytes apart, in a quarter of the first cache's sets. Large products
// lay blocks of B side by side first, small enough for that cache, and take a block of A that stays in the second.
template <class T> constexpr bool strips_are_narrow = static_cast<std::size_t>(tile_vectors) * lanes<T> < panel<T> && lanes<T> != 1;
constexpr std::size_t part_rows = 256, part_columns = 256;  // of A

template <class T> CHAINRULE_INLINE bool in_parts(std::size_t n_rows, std::size_t n_k) {
  return strips_are_narrow<T> && n_rows >= 48 && n_k > panel<T>;
}

// Calls f(part) for parts that cover rows i0 … i1 and n_k columns of A: a single one, or blocks.
template <class F> CHAINRULE_INLINE void for_parts(bool in_parts, std::size_t i0, std::size_t i1, std::size_t n_k, F&& f) {
  if (!in_parts) return f(Part{i0, i1, 0, n_k, true, true});
  for (std::size_t i = i0; i < i1; i += part_rows)
    for (std::size_t k = 0; k < n_k; k += part_columns) {
      const std::size_t i_end = i + part_rows < i1 ? i + part_rows : i1;
      const std::size_t k_end = k + part_columns < n_k ? k + part_columns : n_k;
      f(Part{i, i_end, k, k_end, k == 0, k_end == n_k});
    }
}

// Sums that wait in the output for the next part, whose strip begins at out; `stride` from row to row.
template <class T, int R, int V>
CHAINRULE_INLINE void suspend(Tile<T, R, V>& t, T* out, std::size_t stride) {
  CHAINRULE_UNROLL
  for (int r = 0; r < R; ++r) {
    CHAINRULE_UNROLL
    for (int v = 0; v < V; ++v)
      store<T>(out + static_cast<std::size_t>(r) * stride + static_cast<std::size_t>(v) * lanes<T>, t.c[r][v]);
  }
}
template <class T, int R, int V>
CHAINRULE_INLINE void resume(Tile<T, R, V>& t, const T* out, std::size_t stride) {
  CHAINRULE_UNROLL
  for (int r = 0; r < R; ++r) {
    CHAINRULE_UNROLL
    for (int v = 0; v < V; ++v)
      t.c[r][v] = load(out + static_cast<std::size_t>(r) * stride + static_cast<std::size_t>(v) * lanes<T>);
  }
}

// The sums begin at 0 or go on, and end in the epilogue or wait; in a whole product there is nothing to wait for.
template <class T, int R, int V, bool whole, class Epilogue, class Sums>
CHAINRULE_INLINE void one_tile(const Part& part, std::size_t i, const Epilogue& epilogue, const Sums& add_up) {
  Tile<T, R, V> t;
  if constexpr (whole) {
    clear(t);
    add_up(t);
    return epilogue(t, i);
  }
  T* const waiting = epilogue.sums + i * epilogue.stride;
  epilogue.template ahead<R>(i);
  if (part.first)
    clear(t);
  else
    resume(t, waiting, epilogue.stride);
  add_up(t);
  if (part.last)
    epilogue(t, i);
  else
    suspend(t, waiting, epilogue.stride);
}

// Rows of A times a strip of B, whose row k0 is at b and the next b_k further; epilogue(tile, i).
template <class T, int V, bool whole, class Epilogue>
[[gnu::noinline]] void multiply_strip(Panels<const T> A, const T* b, std::size_t b_k, Part part,
                                      const Epilogue& epilogue) {
  const std::size_t p0 = part.k0 / panel<T>, p1 = part.k1 / panel<T>, rest = part.k1 % panel<T>;
  const std::size_t rest_width = padded_columns<T>(rest);
  const T* const a_rest = A.data + panel_start<T>(A.rows, p1);
  for_row_tiles<V>(part.i0, part.i1, [&](auto rows, std::size_t i) CHAINRULE_LAMBDA {
    constexpr int R = decltype(rows)::value;
    one_tile<T, R, V, whole>(part, i, epilogue, [&](Tile<T, R, V>& t) CHAINRULE_LAMBDA {
      const T* a = A.data + panel_start<T>(A.rows, p0) + i * panel<T>;
      const T* b_p = b;
      for (std::size_t p = p0; p < p1; ++p, a += panel<T> * A.rows, b_p += panel<T> * b_k)
        accumulate(t, a, panel<T>, 1, b_p, b_k, panel<T>);
      accumulate(t, a_rest + i * rest_width, rest_width, 1, b_p, b_k, rest);
    });
  });
}

// Rows of A transposed times a strip of B; epilogue(tile, r). A is a panel in rows of `width`; in parts it is laid out
// by tiles, R numbers for each k.
template <class T, int V, bool whole, class Epilogue>
[[gnu::noinline]] void multiply_transposed_strip(const T* a, std::size_t width, const T* b, std::size_t b_k, Part part,
                                                 const Epilogue& epilogue) {
  const std::size_t n = part.k1 - part.k0;
  for_row_tiles<V>(part.i0, part.i1, [&](auto rows, std::size_t r) CHAINRULE_LAMBDA {
    constexpr int R = decltype(rows)::value;
    one_tile<T, R, V, whole>(part, r, epilogue, [&](Tile<T, R, V>& t) CHAINRULE_LAMBDA {
      if constexpr (whole)
        accumulate(t, a + r, 1, width, b, b_k, n);
      else
        accumulate(t, a + r * n, 1, static_cast<std::size_t>(R), b, b_k, n);
    });
  });
}

// n rows of numbers r0 … r1 of a panel, by tiles for the above
template <class T> [[gnu::noinline]] void lay_out_tiles(const T* a, std::size_t width, std::size_t n, std::size_t r0, std::size_t r1, T* out) {
  for_row_tiles<tile_vectors>(r0, r1, [&](auto rows, std::size_t r) CHAINRULE_LAMBDA {
    constexpr std::size_t R = decltype(rows)::value;
    for (std::size_t k = 0; k < n; ++k) __builtin_memcpy(out + r * n + k * R, a + k * width + r, R * sizeof(T));
  });
}

// n rows of `width` numbers, a multiple of a vector's, from a stride to side by side
template <class T>
[[gnu::noinline]] void lay_out(const T* in, std::size_t stride, std::size_t width, std::size_t n, T* out) {
  for (std::size_t k = 0; k < n; ++k, in += stride, out += width) {
    __builtin_prefetch(in + width, 0, 2);  // the next strip's
    for (std::size_t v = 0; v < width; v += lanes<T>) store<T>(out + v, load(in + v));
  }
}

// transposition --------------------------------------------------------------------------------

#if !defined(CHAINRULE_ONE_LANE)
template <class V, std::size_t... k>
CHAINRULE_INLINE void interleave(V x, V y, V& low, V& high, Sequence<k...>) {
  constexpr std::size_t n = sizeof...(k);
  low = __builtin_shufflevector(x, y, (k / 2 + k % 2 * n)...);
  high = __builtin_shufflevector(x, y, (n / 2 + k / 2 + k % 2 * n)...);
}
#endif

#if defined(CHAINRULE_AVX2)
// x[i][j] ↔ x[j][i] of 8 × 8, within halves of 16 bytes first, where a shuffle is cheapest
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

// lanes × lanes numbers: out[j·out_row + i] = in[i·in_row + j], for i < n_rows; 0 for the other i
template <class T>
CHAINRULE_INLINE void transpose_square(const T* in, std::size_t in_row, std::size_t n_rows, T* out,
                                       std::size_t out_row) {
#if defined(CHAINRULE_ONE_LANE)
  (void)in_row, (void)out_row;
  *out = n_rows > 0 ? *in : T(0);
#else
  constexpr std::size_t n = lanes<T>;
  Vector<T> x[n];
  CHAINRULE_UNROLL
  for (std::size_t i = 0; i < n; ++i) x[i] = i < n_rows ? load(in + i * in_row) : broadcast<T>(0);
  transpose_in_registers(x);
  CHAINRULE_UNROLL
  for (std::size_t j = 0; j < n; ++j) store(out + j * out_row, x[j]);
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
