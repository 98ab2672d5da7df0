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

// Rows i0 … i1 of a panelled A (columns k) times a strip of B (k rows of stride b_k); epilogue(tile, i).
template <class T, int V, class Epilogue>
[[gnu::noinline]] void multiply_strip(Panels<const T> A, const T* b, std::size_t b_k, std::size_t i0, std::size_t i1,
                                      const Epilogue& epilogue) {
  const std::size_t n_full = A.columns / panel<T>, rest = A.columns % panel<T>;
  const std::size_t rest_width = padded_columns<T>(rest);
  const T* const a_rest = A.data + panel_start<T>(A.rows, n_full);
  for_row_tiles<V>(i0, i1, [&](auto rows, std::size_t i) CHAINRULE_LAMBDA {
    Tile<T, decltype(rows)::value, V> t;
    clear(t);
    const T* a = A.data + i * panel<T>;
    const T* b_p = b;
    for (std::size_t p = 0; p < n_full; ++p, a += panel<T> * A.rows, b_p += panel<T> * b_k)
      accumulate(t, a, panel<T>, 1, b_p, b_k, panel<T>);
    accumulate(t, a_rest + i * rest_width, rest_width, 1, b_p, b_k, rest);
    epilogue(t, i);
  });
}

// Rows r0 … r1 of panel A_p, transposed (A_p is n × width), times a strip of B; epilogue(tile, r).
template <class T, int V, class Epilogue>
[[gnu::noinline]] void multiply_transposed_strip(const T* a, std::size_t width, const T* b, std::size_t b_k,
                                                 std::size_t n, std::size_t r0, std::size_t r1,
                                                 const Epilogue& epilogue) {
  for_row_tiles<V>(r0, r1, [&](auto rows, std::size_t r) CHAINRULE_LAMBDA {
    Tile<T, decltype(rows)::value, V> t;
    clear(t);
    accumulate(t, a + r, 1, width, b, b_k, n);
    epilogue(t, r);
  });
}

// transposition --------------------------------------------------------------------------------

#if !defined(CHAINRULE_ONE_LANE)
template <class T, std::size_t... k>
CHAINRULE_INLINE void interleave(Vector<T> x, Vector<T> y, Vector<T>& low, Vector<T>& high, Sequence<k...>) {
  constexpr std::size_t n = sizeof...(k);
  low = __builtin_shufflevector(x, y, (k / 2 + k % 2 * n)...);
  high = __builtin_shufflevector(x, y, (n / 2 + k / 2 + k % 2 * n)...);
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
  Vector<T> x[n], y[n];
  CHAINRULE_UNROLL
  for (std::size_t i = 0; i < n; ++i) x[i] = i < n_rows ? load(in + i * in_row) : broadcast<T>(0);
  // Shuffling the rows like a deck of cards, log2(n) times, is the transposition.
  CHAINRULE_UNROLL
  for (std::size_t round = 1; round < n; round *= 2) {
    CHAINRULE_UNROLL
    for (std::size_t i = 0; i < n / 2; ++i)
      interleave<T>(x[i], x[i + n / 2], y[2 * i], y[2 * i + 1], Numbers<n>());
    CHAINRULE_UNROLL
    for (std::size_t i = 0; i < n; ++i) x[i] = y[i];
  }
  CHAINRULE_UNROLL
  for (std::size_t j = 0; j < n; ++j) store(out + j * out_row, x[j]);
#endif
}

// Rows of panel p of W.T as one strip: out[j·width + i] = W[p·panel + i][j], width that of panel p of W.rows columns.
template <class T> [[gnu::noinline]] void transpose_panel(Panels<const T> W, std::size_t p, T* out) {
  const std::size_t width = panel_width<T>(W.rows, p), first = p * panel<T>;
  for (std::size_t q = 0; q < n_panels<T>(W.columns); ++q) {
    const std::size_t w = panel_width<T>(W.columns, q);
    const T* in = W.data + panel_start<T>(W.rows, q) + first * w;
    for (std::size_t i = 0; i < width; i += lanes<T>) {
      const std::size_t left = W.rows > first + i ? W.rows - first - i : 0;
      for (std::size_t j = 0; j < w; j += lanes<T>)
        transpose_square<T>(in + i * w + j, w, left, out + (q * panel<T> + j) * width + i, width);
    }
  }
}

}  // namespace
}  // namespace chainrule
