// One register-tiled product with an epilogue. Infrastructure without mathematics.
//
// Every element of a product is one chain of fused multiply-adds over k, from 0 upwards, so the shape of
// a tile, the width of a vector and the split among threads cannot change a bit of it.
//
//                 n columns of B and C
//            |<-- panel: 256 bytes wide -->|
//            +------+------+------+------+-+---      A panel is the unit of storage (panels.hpp): 64 float32 or
//          k |strip |strip |      |      | |         32 float64 columns, row after row. BLIS packs such blocks
//            |      |      |      |      | |         of B; here W and the activations are kept that way.
//            +------+------+------+------+-+---
//                                                    A strip is as wide as a tile: V vectors. It is read once for
//    k       +------+------+------+------+-+---      every tile of rows above it (micro-panel, N_R in BLIS).
//  +----+    |      |      |      |      | |
//  |tile| -> | tile |      |      |      | | R rows  A tile is R × V vectors of C that stay in registers while k
//  +----+    +------+------+------+------+-+---      runs (register block, M_R × N_R in BLIS): R broadcasts of A,
//  |    |    |      |      |      |      | |         V loads of the strip, R·V fused multiply-adds for each k.
//
// A complete tile passes through an epilogue before it is stored: + b and g, times g′, or the update of W.
// Parts (K_C in BLIS) cut long sums: their tiles wait in C, which changes no bit either. docs/glossary.md has the words.
#pragma once

#include "kernels.hpp"
#include "packing.hpp"
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

// A tile of 0 vectors: half of one, 0 behind it.
template <class T, int R, int V> struct Tile {
  static constexpr int vectors = V > 0 ? V : 1;
  Vector<T> c[R][vectors];
};

template <class T, int R, int V> CHAINRULE_INLINE void clear(Tile<T, R, V>& t) {
  CHAINRULE_UNROLL
  for (int r = 0; r < R; ++r) {
    CHAINRULE_UNROLL
    for (int v = 0; v < Tile<T, R, V>::vectors; ++v) t.c[r][v] = broadcast<T>(0);
  }
}

#if defined(CHAINRULE_AVX512)
template <class T, int R>
CHAINRULE_INLINE void accumulate_half(Tile<T, R, 0>& t, const T* a, std::size_t a_row, std::size_t a_k, const T* b,
                                      std::size_t b_k, std::size_t n_k) {
  Half<T> c[R];
  CHAINRULE_UNROLL
  for (int r = 0; r < R; ++r) c[r] = lower_half<T>(t.c[r][0]);
  for (std::size_t k = 0; k < n_k; ++k, a += a_k, b += b_k) {
    const Half<T> b_v = load_half(b);
    CHAINRULE_UNROLL
    for (int r = 0; r < R; ++r) c[r] = fma_(half_of(a[static_cast<std::size_t>(r) * a_row]), b_v, c[r]);
  }
  CHAINRULE_UNROLL
  for (int r = 0; r < R; ++r) t.c[r][0] = widened<T>(c[r]);
}
#endif

// c[r] += Σ_k a[r·a_row + k·a_k] · b[k·b_k …]
template <class T, int R, int V>
CHAINRULE_INLINE void accumulate(Tile<T, R, V>& t, const T* a, std::size_t a_row, std::size_t a_k, const T* b,
                                 std::size_t b_k, std::size_t n_k) {
#if defined(CHAINRULE_AVX512)
  if constexpr (V == 0) return accumulate_half<T, R>(t, a, a_row, a_k, b, b_k, n_k);
#endif
  for (std::size_t k = 0; k < n_k; ++k) {
    Vector<T> b_v[Tile<T, R, V>::vectors];
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
  if constexpr (V <= 1 || (V == 2 && tile_vectors == 4)) {
    // 14 to 16 rows at the end are 8 and the rest: fewer than 8 sums wait for the one before them.
    const auto two_tiles = [&] { return i1 - i0 >= 14 && i1 - i0 <= 16; };
    for (; i0 + 12 <= i1 && !two_tiles(); i0 += 12) f(Constant<12>(), i0);
    if (i0 + 10 <= i1 && !two_tiles()) f(Constant<10>(), i0), i0 += 10;
    for (; i0 + 8 <= i1; i0 += 8) f(Constant<8>(), i0);
  }
  if constexpr (V == 3) {
    for (; i0 + 8 <= i1; i0 += 8) f(Constant<8>(), i0);
  }
  for (; i0 + 6 <= i1 && i1 - i0 != 8; i0 += 6) f(Constant<6>(), i0);  // nor are the last 8 rows 6 and 2
  for (; i0 + 4 <= i1; i0 += 4) f(Constant<4>(), i0);
  if (i0 + 2 <= i1) f(Constant<2>(), i0), i0 += 2;
#endif
  if (i0 < i1) f(Constant<1>(), i0);
}

// Calls f(Constant<V>, column) for strips of V vectors, 0: half of one, that cover `columns` of a panel; padding beyond
// them is left out.
template <class T, class F> CHAINRULE_INLINE void for_strips(std::size_t columns, std::size_t n_rows, F&& f) {
  constexpr std::size_t lane = lanes<T>;
  const std::size_t width = round_up(columns, lane);
  std::size_t column = 0;
#if defined(CHAINRULE_AVX512)
  // 7 to 12 rows fit one tile of two vectors: B is read once instead of twice.
  const bool narrow = n_rows > 6 && n_rows <= 12;
  const bool ends_in_half = columns > 0 && (columns - 1) % lane < lane / 2;
  const std::size_t whole = ends_in_half ? width - lane : width;
  if (!narrow) {
    for (; column + 4 * lane <= whole; column += 4 * lane) f(Constant<4>(), column);
    if (column + 3 * lane <= whole) f(Constant<3>(), column), column += 3 * lane;
  }
  for (; column + 2 * lane <= whole; column += 2 * lane) f(Constant<2>(), column);
  if (column < whole) f(Constant<1>(), column), column += lane;
  if (ends_in_half) f(Constant<0>(), column);
#elif defined(CHAINRULE_ONE_LANE)
  (void)n_rows;
  for (; column < width; column += tile_vectors) f(Constant<tile_vectors>(), column);
#else
  (void)n_rows;
  constexpr std::size_t of_tile = static_cast<std::size_t>(tile_vectors) * lane;
  for (; column + of_tile / 2 < width; column += of_tile) f(Constant<tile_vectors>(), column);
  if (tile_vectors == 4 && column + lane < width) f(Constant<2>(), column), column += 2 * lane;
  if (column < width) f(Constant<1>(), column);
#endif
}

// A part of a product: rows i0 … i1 of A, and k0 … k1 of the sums. Where `last` is not set the sums wait in the output.
struct Part {
  std::size_t i0, i1, k0, k1;
  bool first, last;
};

// Rows of a strip narrower than a panel lie 256 bytes apart, in a quarter of the first cache's sets. Large products
// lay blocks of B side by side first, small enough for that cache, and take a block of A that stays in the second.
template <class T>
constexpr bool strips_are_narrow = static_cast<std::size_t>(tile_vectors) * lanes<T> < panel<T> && lanes<T> != 1;
constexpr std::size_t part_rows = 256, part_columns = 256;  // of A

template <class T> CHAINRULE_INLINE bool in_parts(std::size_t n_rows, std::size_t n_k) {
  return strips_are_narrow<T> && n_rows >= 48 && n_k > panel<T>;
}

// Calls f(part) for parts that cover rows i0 … i1 and n_k columns of A: a single one, or blocks.
template <class F>
CHAINRULE_INLINE void for_parts(bool in_parts, std::size_t i0, std::size_t i1, std::size_t n_k, F&& f) {
  if (!in_parts) return f(Part{i0, i1, 0, n_k, true, true});
  for (std::size_t i = i0; i < i1; i += part_rows)
    for (std::size_t k = 0; k < n_k; k += part_columns) {
      const std::size_t i_end = i + part_rows < i1 ? i + part_rows : i1;
      const std::size_t k_end = k + part_columns < n_k ? k + part_columns : n_k;
      f(Part{i, i_end, k, k_end, k == 0, k_end == n_k});
    }
}

// Sums that wait in the output for the next part, whose strip begins at out; `stride` from row to row.
template <class T, int R, int V> CHAINRULE_INLINE void suspend(Tile<T, R, V>& t, T* out, std::size_t stride) {
  CHAINRULE_UNROLL
  for (int r = 0; r < R; ++r) {
    CHAINRULE_UNROLL
    for (int v = 0; v < t.vectors; ++v)
      store<T>(out + static_cast<std::size_t>(r) * stride + static_cast<std::size_t>(v) * lanes<T>, t.c[r][v]);
  }
}
template <class T, int R, int V> CHAINRULE_INLINE void resume(Tile<T, R, V>& t, const T* out, std::size_t stride) {
  CHAINRULE_UNROLL
  for (int r = 0; r < R; ++r) {
    CHAINRULE_UNROLL
    for (int v = 0; v < t.vectors; ++v)
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
    epilogue(t, i);
  } else {
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

}  // namespace
}  // namespace chainrule
