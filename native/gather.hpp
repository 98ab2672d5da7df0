// Rows of a batch from X, row-major, into panels. Infrastructure without mathematics.
#pragma once

#include "kernels.hpp"
#include "panels.hpp"
#include "simd.hpp"

namespace chainrule {
namespace {

// n numbers; the last vector overlaps the one before it. What is watched adds up to 0 where all are finite.
template <class T, bool watch>
CHAINRULE_INLINE void copy_row(T* to, const T* from, std::size_t n, T small, Vector<T>& sum, T& sum_of_few) {
  if (n < lanes<T>) {
    for (std::size_t j = 0; j < n; ++j) {
      to[j] = __builtin_fabs(from[j]) < small ? 0 : from[j];
      if constexpr (watch) sum_of_few = sum_of_few + (from[j] - from[j]);
    }
    return;
  }
  const auto copy = [&](std::size_t j) CHAINRULE_LAMBDA {
    const Vector<T> x = load_unaligned(from + j);
    store_unaligned<T>(to + j, without_small<T>(x, broadcast<T>(small)));
    if constexpr (watch) sum = watched<T>(sum, x);
  };
  for (std::size_t j = 0; j + lanes<T> <= n; j += lanes<T>) copy(j);
  if (n % lanes<T> != 0) copy(n - lanes<T>);
}

template <class T, bool watch>
void gather_rows(const T* X, const std::int64_t* rows, const std::int64_t* next, Panels<T> out, std::size_t i0,
                 std::size_t i1, T small, T* check) {
  const std::size_t n = out.columns, row_bytes = n * sizeof(T);
  Vector<T> sum = broadcast<T>(0);
  T sum_of_few = 0;
  for (std::size_t i = i0; i < i1; ++i) {
    const T* const x = X + static_cast<std::size_t>(rows[i]) * n;
    if (next) {  // rows wanted later are on their way while these are computed; both ends of each
      const char* const later = reinterpret_cast<const char*>(X + static_cast<std::size_t>(next[i]) * n);
      for (std::size_t b = 0; b < row_bytes; b += 64) __builtin_prefetch(later + b, 0, 3);
      __builtin_prefetch(later + row_bytes - 1, 0, 3);
    }
    for (std::size_t p = 0; p < n_panels<T>(n); ++p)
      copy_row<T, watch>(out.data + panel_start<T>(out.rows, p) + i * panel_width<T>(n, p), x + p * panel<T>,
                         columns_of<T>(n, p), small, sum, sum_of_few);
  }
  if constexpr (watch) {
    store<T>(check, load(check) + sum);
    *check = *check + sum_of_few;
  }
}

template <class T>
void gather(const T* X, const std::int64_t* rows, const std::int64_t* next, Panels<T> out, std::size_t i0,
            std::size_t i1, T small, T* check) {
  if (check) return gather_rows<T, true>(X, rows, next, out, i0, i1, small, check);
  gather_rows<T, false>(X, rows, next, out, i0, i1, small, nullptr);
}

}  // namespace
}  // namespace chainrule
