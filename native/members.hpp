// K networks side by side: every row of a batch becomes K rows, i·K + k being row i as member k has it. Mirrors
// reference/kinds/member_scale.py and reference/members.py.
#pragma once

#include "nodes.hpp"
#include "rows.hpp"

namespace chainrule {
namespace {

// out[i·K + k] = x[i] ⊙ scale[k]; the factors of the members follow each other, each in whole cache lines
template <class T>
void member_rows(Panels<const T> x, std::size_t K, const T* scale, Panels<T> out, T small, std::size_t i0,
                 std::size_t i1) {
  const Vector<T> least = broadcast<T>(small);
  const std::size_t stride = padded_columns<T>(x.columns);
  for (std::size_t p = 0; p < n_panels<T>(x.columns); ++p) {
    const std::size_t width = panel_width<T>(x.columns, p);
    const T *const from = x.data + panel_start<T>(x.rows, p), *const by = scale + p * panel<T>;
    T* const to = out.data + panel_start<T>(out.rows, p);
    for (std::size_t i = i0; i < i1; ++i)
      for (std::size_t k = 0; k < K; ++k)
        for (std::size_t c = 0; c < width; c += lanes<T>) {
          const Vector<T> scaled = load(from + i * width + c) * load(by + k * stride + c);
          store<T>(to + (i * K + k) * width + c, without_small<T>(scaled, least));
        }
  }
}

// dx[i] = Σ_k da[i·K + k] ⊙ scale[k], member after member
template <class T>
void member_rows_back(Panels<const T> da, std::size_t K, const T* scale, Panels<T> dx, std::size_t i0, std::size_t i1) {
  const std::size_t stride = padded_columns<T>(dx.columns);
  for (std::size_t p = 0; p < n_panels<T>(dx.columns); ++p) {
    const std::size_t width = panel_width<T>(dx.columns, p);
    const T *const from = da.data + panel_start<T>(da.rows, p), *const by = scale + p * panel<T>;
    T* const to = dx.data + panel_start<T>(dx.rows, p);
    for (std::size_t i = i0; i < i1; ++i)
      for (std::size_t c = 0; c < width; c += lanes<T>) {
        Vector<T> sum = broadcast<T>(0);
        for (std::size_t k = 0; k < K; ++k)
          sum = fma_(load(from + (i * K + k) * width + c), load(by + k * stride + c), sum);
        store<T>(to + i * width + c, sum);
      }
  }
}

// dscale[k] = Σ_i da[i·K + k] ⊙ x[i] over some rows of the batch, row after row
template <class T>
void member_gradient(Panels<const T> da, std::size_t K, std::size_t k, Panels<const T> x, RowRange rows, T* dscale) {
  constexpr std::size_t of_panel = panel<T> / chunk<T>;
  for (std::size_t c = 0; c < padded_columns<T>(x.columns) / chunk<T>; ++c) {
    const std::size_t width = panel_width<T>(x.columns, c / of_panel);
    const T* d = da.data + line_start<T>(da.rows, x.columns, rows.first * K + k, c);
    const T* v = x.data + line_start<T>(x.rows, x.columns, rows.first, c);
    Line<T> total = line_of<T>(0);
    for (std::size_t i = 0; i < rows.n; ++i, d += K * width, v += width) {
      const Line<T> one = load_line(d), other = load_line(v);
      for (std::size_t j = 0; j < Line<T>::n; ++j) total.v[j] = fma_(one.v[j], other.v[j], total.v[j]);
    }
    store_line(dscale + c * chunk<T>, total);
  }
}

// The rows of member k by themselves: own[i] = all[i·K + k], or back
template <class T>
void rows_of_member(Panels<T> all, std::size_t K, std::size_t k, Panels<T> own, bool back, std::size_t i0,
                    std::size_t i1) {
  for (std::size_t p = 0; p < n_panels<T>(own.columns); ++p) {
    const std::size_t width = panel_width<T>(own.columns, p);
    T *const a = all.data + panel_start<T>(all.rows, p), *const b = own.data + panel_start<T>(own.rows, p);
    for (std::size_t i = i0; i < i1; ++i) {
      T *const one = a + (i * K + k) * width, *const other = b + i * width;
      for (std::size_t c = 0; c < width; c += lanes<T>)
        back ? store<T>(one + c, load(other + c)) : store<T>(other + c, load(one + c));
    }
  }
}

// sum += x ⊙ by (first: sum = x ⊙ by), rows i0 … i1 of matrices of one shape
template <class T>
void add_member(Panels<T> shape, const T* x, T by, bool first, T* sum, std::size_t i0, std::size_t i1) {
  const Vector<T> share = broadcast<T>(by);
  for_panel_rows<T>(shape, i0, i1, [&](std::size_t start, std::size_t n) {
    for (std::size_t j = start; j < start + n; j += lanes<T>)
      store<T>(sum + j, first ? load(x + j) * share : fma_(load(x + j), share, load(sum + j)));
  });
}

}  // namespace
}  // namespace chainrule
