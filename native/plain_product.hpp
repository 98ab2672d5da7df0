// A dense layer of a few rows, on weights in the plain layout: laying them out in panels would cost more than using
// them a few times. The chains are those of dense_forward, so are the bits.
//
// What bounds one row is reading weights from beyond the nearest cache: those that come next are asked for early.
#pragma once

#include "gemm.hpp"

namespace chainrule {
namespace {

constexpr std::size_t rows_ahead = 4;  // rows of a strip of W that are on their way

// Vectors of z of a single row, and of two, in registers: as many as leave room for W and x
#if defined(CHAINRULE_AVX512) || defined(CHAINRULE_NEON)
constexpr int row_vectors = 16, pair_vectors = 8;
#else
constexpr int row_vectors = 8, pair_vectors = 4;
#endif

// Rows k0 … k0 + n of W as a product reads them: from `at` on, `stride` apart, whole vectors readable
template <class T> struct WeightRows {
  const T* at;
  std::size_t stride, k0, n;
};

// The rows of W of which the last vector may be read where it lies, as there are numbers behind it (b follows W); and
// copies of the others, which are few and shorter than half a vector.
template <class T> struct ReadableRows {
  const T* W;
  std::size_t n_out, n_in, n_whole;
  alignas(64) T tail[lanes<T> * lanes<T>];

  explicit ReadableRows(const PlainLayer<T>& layer) : W(layer.W), n_out(layer.n_out), n_in(layer.n_in), n_whole(n_in) {
    const std::size_t read = round_up(n_out, lanes<T>), size = (n_in + 1) * n_out;
    if (read == n_out) return;
    const std::size_t n = size < read ? 0 : (size - read) / n_out + 1;
    if (n >= n_in) return;
    n_whole = n;
    for (std::size_t k = n_whole; k < n_in; ++k)
      for (std::size_t j = 0; j < lanes<T>; ++j) tail[(k - n_whole) * lanes<T> + j] = j < n_out ? W[k * n_out + j] : 0;
  }
  // All rows from `column` on, in at most two pieces
  template <class F> CHAINRULE_INLINE void pieces(std::size_t column, F&& f) const {
    if (n_whole > 0) f(WeightRows<T>{W + column, n_out, 0, n_whole});
    if (n_whole < n_in) f(WeightRows<T>{tail, lanes<T>, n_whole, n_in - n_whole});
  }
};

// Rows of x and of z, `x_row` and `z_row` apart; z from the strip's first column on
template <class T> struct RowsOfProduct {
  const T* x;
  std::size_t x_row;
  T* z;
  std::size_t z_row;
};

// t += x @ the rows of W; fetch: those that come next may lie far away
template <class T, int R, int V, bool fetch>
CHAINRULE_INLINE void accumulate_plain(Tile<T, R, V>& t, const T* x, std::size_t x_row, const WeightRows<T>& W) {
  constexpr std::size_t in_line = chunk<T> / lanes<T>;
  const std::size_t ahead = rows_ahead * W.stride;
  const T* b = W.at;
  for (std::size_t k = 0; k < W.n; ++k, b += W.stride) {
    Vector<T> b_v[V];
    CHAINRULE_UNROLL
    for (int v = 0; v < V; ++v) {
      const T* const at = b + static_cast<std::size_t>(v) * lanes<T>;
      b_v[v] = load_unaligned(at);
      if (fetch && static_cast<std::size_t>(v) % in_line == 0) __builtin_prefetch(at + ahead);
    }
    CHAINRULE_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vector<T> x_r = broadcast<T>(x[static_cast<std::size_t>(r) * x_row + k]);
      CHAINRULE_UNROLL
      for (int v = 0; v < V; ++v) t.c[r][v] = fma_(x_r, b_v[v], t.c[r][v]);
    }
  }
}

// A tile of z: begun at 0 or gone on with, and finished with b or left to wait
template <class T, int R, int V, bool fetch = true>
[[gnu::noinline]] void plain_tile(const RowsOfProduct<T>& rows, const WeightRows<T>& W, bool first, const T* bias,
                                  T small) {
  Tile<T, R, V> t;
  if (first)
    clear(t);
  else
    resume(t, rows.z, rows.z_row);
  accumulate_plain<T, R, V, fetch>(t, rows.x + W.k0, rows.x_row, W);
  if (bias) {
    CHAINRULE_UNROLL
    for (int r = 0; r < R; ++r) {
      CHAINRULE_UNROLL
      for (int v = 0; v < V; ++v)
        t.c[r][v] =
            without_small<T>(t.c[r][v] + load(bias + static_cast<std::size_t>(v) * lanes<T>), broadcast<T>(small));
    }
  }
  suspend(t, rows.z, rows.z_row);
}

// Tiles of a strip that cover n_rows, of which there is an even number unless it is one
template <class T, int V>
CHAINRULE_INLINE void plain_tiles(RowsOfProduct<T> rows, std::size_t n_rows, const WeightRows<T>& W, bool first,
                                  const T* bias, T small) {
  if constexpr (V <= tile_vectors) {
    bool is_near = false;  // the first tile leaves the strip in the second cache at least
    const auto tile = [&](auto height) CHAINRULE_LAMBDA {
      constexpr int R = decltype(height)::value;
      if (is_near)
        plain_tile<T, R, V, false>(rows, W, first, bias, small);
      else
        plain_tile<T, R, V, true>(rows, W, first, bias, small);
      is_near = true;
      rows.x += R * rows.x_row;
      rows.z += R * rows.z_row;
    };
    if constexpr (V == 3) {
      for (; n_rows >= 8 && n_rows != 9 && n_rows != 10; n_rows -= 8) tile(Constant<8>());
    }
    for (; n_rows == 6 || n_rows > 8; n_rows -= 6) tile(Constant<6>());
    if (n_rows == 5) return tile(Constant<6>());
    if (n_rows > 6) tile(Constant<4>()), n_rows -= 4;  // not 6 and 2: those would wait for loads
    if (n_rows > 2) return tile(Constant<4>());
    if (n_rows == 0) return;
  }
  if constexpr (V <= pair_vectors) {
    if (n_rows == 2) return plain_tile<T, 2, V>(rows, W, first, bias, small);
  }
  plain_tile<T, 1, V>(rows, W, first, bias, small);
}

// A strip of V vectors of z
template <class T, int V>
void plain_strip(const RowsOfProduct<T>& rows, std::size_t n_rows, const ReadableRows<T>& W, const T* b,
                 std::size_t column, T small) {
  constexpr std::size_t width = static_cast<std::size_t>(V) * lanes<T>;
  alignas(64) T bias[width];
  for (std::size_t j = 0; j < width; ++j) bias[j] = column + j < W.n_out ? b[column + j] : 0;
  const RowsOfProduct<T> own{rows.x, rows.x_row, rows.z + column, rows.z_row};
  W.pieces(column, [&](const WeightRows<T>& part) {
    plain_tiles<T, V>(own, n_rows, part, part.k0 == 0, part.k0 + part.n == W.n_in ? bias : nullptr, small);
  });
}

// f(Constant<V>) for the largest V ≤ most that is at most n; returns it
template <int most, class F> CHAINRULE_INLINE std::size_t as_wide_as(std::size_t n, F&& f) {
  if (n >= static_cast<std::size_t>(most)) return f(Constant<most>()), static_cast<std::size_t>(most);
  if constexpr (most > 8)
    return as_wide_as<8>(n, f);
  else if constexpr (most > 1)
    return as_wide_as<most - 1>(n, f);
  return 0;
}

// z = x @ W + b for columns c0 … c1, whole cache lines, 0 behind the last of the layer. x and z have room for an even
// number of rows unless there is one.
template <class T>
void dense_plain(const T* x, std::size_t x_row, std::size_t n_rows, PlainLayer<T> layer, std::size_t c0, std::size_t c1,
                 T* z, std::size_t z_row) {
  const ReadableRows<T> W(layer);
  const RowsOfProduct<T> rows{x, x_row, z, z_row};
  const std::size_t end = c1 < layer.n_out ? c1 : layer.n_out, v1 = (end + lanes<T> - 1) / lanes<T>;
  for (std::size_t v = c0 / lanes<T>; v < v1;) {
    const auto strip = [&](auto vectors) CHAINRULE_LAMBDA {
      plain_strip<T, decltype(vectors)::value>(rows, n_rows, W, layer.b, v * lanes<T>, layer.small);
    };
    const std::size_t left = v1 - v;
    v += n_rows == 1   ? as_wide_as<row_vectors>(left, strip)
         : n_rows == 2 ? as_wide_as<pair_vectors>(left, strip)
                       : as_wide_as<tile_vectors>(left, strip);
  }
  for (std::size_t i = 0; c1 > layer.n_out && i < n_rows; ++i)
    for (std::size_t c = layer.n_out; c < c1; ++c) z[i * z_row + c] = 0;
}

}  // namespace
}  // namespace chainrule
