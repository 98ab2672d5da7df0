// A dense layer for a single row, on weights in the plain layout: laying them out in panels would cost more than
// using them once. The chains are those of dense_forward, so are the bits.
//
// A single row is bound by reading weights from beyond the nearest cache. They are read in storage order, some rows of W at a
// time, z being stored and loaded between, which changes nothing.
#pragma once

#include "gemm.hpp"

namespace chainrule {
namespace {

constexpr std::size_t strip_vectors = 8;  // vectors of z in registers: chains enough to hide what a step of one takes
constexpr std::size_t rows_at_a_time = 8;

// z += x @ W of n_k inputs and V vectors of columns
template <class T, int V>
CHAINRULE_INLINE void row_strip(const T* x, const T* W, std::size_t n_k, std::size_t n_out, T* z) {
  Vector<T> sum[V];
  CHAINRULE_UNROLL
  for (int v = 0; v < V; ++v) sum[v] = load_unaligned(z + static_cast<std::size_t>(v) * lanes<T>);
  for (std::size_t k = 0; k < n_k; ++k, W += n_out) {
    const Vector<T> x_k = broadcast<T>(x[k]);
    CHAINRULE_UNROLL
    for (int v = 0; v < V; ++v) sum[v] = fma_(x_k, load_unaligned(W + static_cast<std::size_t>(v) * lanes<T>), sum[v]);
  }
  CHAINRULE_UNROLL
  for (int v = 0; v < V; ++v) store_unaligned<T>(z + static_cast<std::size_t>(v) * lanes<T>, sum[v]);
}

// The same for n vectors, 1 … V
template <class T, int V>
CHAINRULE_INLINE void row_strips(const T* x, const T* W, std::size_t n_k, std::size_t n_out, std::size_t n, T* z) {
  if (n == static_cast<std::size_t>(V)) return row_strip<T, V>(x, W, n_k, n_out, z);
  if constexpr (V > 1) row_strips<T, V - 1>(x, W, n_k, n_out, n, z);
}

template <class T>
void row_part(const T* x, const T* W, std::size_t n_k, std::size_t n_out, std::size_t n_vectors, T* z) {
  for (std::size_t v = 0; v < n_vectors; v += strip_vectors) {
    const std::size_t left = n_vectors - v, n = left < strip_vectors ? left : strip_vectors;
    row_strips<T, strip_vectors>(x, W + v * lanes<T>, n_k, n_out, n, z + v * lanes<T>);
  }
}

// Columns from j on one by one, for inputs k0 … n_in
template <class T>
void row_rest(const T* x, const T* W, std::size_t k0, std::size_t n_in, std::size_t n_out, std::size_t j, T* z) {
  for (std::size_t k = k0; k < n_in; ++k)
    for (std::size_t c = j; c < n_out; ++c) z[c] = fma_of_one<T>(x[k], W[k * n_out + c], z[c]);
}

// z = x @ W + b; z has room for whole lines, zero behind the columns
template <class T>
void dense_row(const T* x, const T* W, const T* b, std::size_t n_in, std::size_t n_out, T small, T* z) {
  const std::size_t n_whole = n_out / lanes<T>, rest = n_out % lanes<T>;
  // The vector of the last columns reads on into the next row, so the last row of W takes them one by one; rows
  // shorter than what it would read beyond them always do.
  const bool reads_on = rest > 0 && lanes<T> <= n_out + rest;
  const std::size_t n_vectors = n_whole + (reads_on ? 1 : 0), n_rows = reads_on ? n_in - 1 : n_in;
  const std::size_t step = n_vectors <= strip_vectors ? n_rows : rows_at_a_time;
  for (std::size_t c = 0; c < n_whole * lanes<T> + (rest > 0 ? lanes<T> : 0); ++c) z[c] = 0;
  for (std::size_t k = 0; k < n_rows; k += step)
    row_part<T>(x + k, W + k * n_out, n_rows - k < step ? n_rows - k : step, n_out, n_vectors, z);
  if (reads_on) row_part<T>(x + n_rows, W + n_rows * n_out, 1, n_out, n_whole, z);
  if (rest > 0) row_rest<T>(x, W, reads_on ? n_rows : 0, n_in, n_out, n_whole * lanes<T>, z);
  for (std::size_t c = 0; c < n_out; ++c) {
    const T z_c = z[c] + b[c];
    z[c] = __builtin_fabs(z_c) < small ? 0 : z_c;
  }
  for (std::size_t c = n_out; c < n_whole * lanes<T> + (rest > 0 ? lanes<T> : 0); ++c) z[c] = 0;
}

}  // namespace
}  // namespace chainrule
