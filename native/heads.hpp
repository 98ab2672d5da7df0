// Mirrors reference/heads.py: several outputs for one target, its heads. The outputs of target t are t·n … t·n + n - 1,
// the first is the point forecast, and the target of every other is the same y.
#pragma once

#include "activations.hpp"
#include "kernels.hpp"
#include "rows.hpp"

namespace chainrule {
namespace {

constexpr std::size_t most_heads = 1 + most_levels;

template <class T> CHAINRULE_INLINE Vector<T> standard_deviation(Vector<T> s) {
  return broadcast<T>(T(1e-3)) + softplus_<T>(s);
}

// q[k] of head k ≥ 1: from the point a[0] outwards, p ± Σ softplus(a)
template <class T> CHAINRULE_INLINE void ordered_quantiles(const Loss& loss, const Vector<T>* a, Vector<T>* q) {
  Vector<T> at = a[0];
  for (std::size_t k = loss.n_below; k > 0; --k) q[k] = at = at - softplus_<T>(a[k]);
  at = a[0];
  for (std::size_t k = loss.n_below + 1; k <= loss.n_levels; ++k) q[k] = at = at + softplus_<T>(a[k]);
}

// Columns of a panelled matrix for a line of rows, along which vectors then run: rows b … b + m of column j.
template <class T> CHAINRULE_INLINE std::size_t element(Panels<T> shape, std::size_t i, std::size_t j) {
  return line_start<T>(shape.rows, shape.columns, i, j / chunk<T>) + j % chunk<T>;
}
template <class T>
CHAINRULE_INLINE void take_column(Panels<T> shape, const T* from, std::size_t b, std::size_t m, std::size_t j, T* out) {
  for (std::size_t i = 0; i < m; ++i) out[i] = from[element(shape, b + i, j)];
}
template <class T>
CHAINRULE_INLINE void put_column(Panels<T> shape, const T* from, std::size_t b, std::size_t m, std::size_t j, T* out) {
  for (std::size_t i = 0; i < m; ++i) out[element(shape, b + i, j)] = from[i];
}

}  // namespace
}  // namespace chainrule
