// Mirrors layer_norm_forward and layer_norm_backward of reference/layers.py, on the panel layout.
#pragma once

#include "kernels.hpp"
#include "layers.hpp"
#include "rows.hpp"

namespace chainrule {
namespace {

// x̂ of row i, and 1/√(var + ε), which is returned
template <class T> CHAINRULE_INLINE T normalise_row(const Row<T>& row, const T* z, T* x_hat, std::size_t i) {
  const T n = static_cast<T>(row.shape.columns);
  Line<T> total = line_of<T>(0);
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    const Line<T> z_c = row.inside(load_line(z + row.at(i, c)), c, 0);
    for (std::size_t k = 0; k < Line<T>::n; ++k) total.v[k] = total.v[k] + z_c.v[k];
  }
  const T mean = sum<T>(total) / n;
  total = line_of<T>(0);
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    Line<T> x = load_line(z + row.at(i, c));
    for (std::size_t k = 0; k < Line<T>::n; ++k) x.v[k] = x.v[k] - broadcast<T>(mean);
    x = row.inside(x, c, 0);
    for (std::size_t k = 0; k < Line<T>::n; ++k) total.v[k] = total.v[k] + x.v[k];
    store_line(x_hat + row.at(i, c), x);
  }
  const T rest = sum<T>(total) / n;  // the rounding of a large mean is all that equal numbers leave
  total = line_of<T>(0);
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    Line<T> x = load_line(x_hat + row.at(i, c));
    for (std::size_t k = 0; k < Line<T>::n; ++k) x.v[k] = x.v[k] - broadcast<T>(rest);
    x = row.inside(x, c, 0);
    for (std::size_t k = 0; k < Line<T>::n; ++k) total.v[k] = fma_(x.v[k], x.v[k], total.v[k]);
    store_line(x_hat + row.at(i, c), x);
  }
  const Vector<T> variance = broadcast<T>(sum<T>(total) / n) + broadcast<T>(T(1e-5));
  const Vector<T> inverse = broadcast<T>(1) / sqrt_(variance);
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    Line<T> x = load_line(x_hat + row.at(i, c));
    for (std::size_t k = 0; k < Line<T>::n; ++k) x.v[k] = x.v[k] * inverse;
    store_line(x_hat + row.at(i, c), x);
  }
#if defined(CHAINRULE_ONE_LANE)
  return inverse;
#else
  return inverse[0];
#endif
}

// u = gain ⊙ x̂ + shift, g(u), ⊙ mask, for rows i0 … i1; x̂ and 1/√(var + ε) are kept for the way back
template <class T>
void layer_norm_forward(Panels<T> shape, const T* z, const T* gain, const T* shift, T* x_hat, T* inverse,
                        Activated<T> out, std::size_t i0, std::size_t i1) {
  const Row<T> row(shape);
  T* const u = out.z ? out.z : out.g;
  for (std::size_t i = i0; i < i1; ++i) {
    inverse[i] = normalise_row(row, z, x_hat, i);
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      Line<T> x = load_line(x_hat + row.at(i, c));
      const Line<T> by = load_line(gain + c * chunk<T>), plus = load_line(shift + c * chunk<T>);
      for (std::size_t k = 0; k < Line<T>::n; ++k) x.v[k] = fma_(by.v[k], x.v[k], plus.v[k]);
      store_line(u + row.at(i, c), x);
    }
  }
  for_panel_rows<T>(shape, i0, i1, [&](std::size_t first, std::size_t n) { finish<T>(out, u, first, n); });
}

// delta = (dx̂ - mean(dx̂) - x̂ ⊙ mean(dx̂ ⊙ x̂)) / √(var + ε), dx̂ = du ⊙ gain, for rows i0 … i1
template <class T>
void layer_norm_backward(Panels<T> shape, const T* x_hat, const T* inverse, const T* gain, const T* du, T* delta,
                         std::size_t i0, std::size_t i1) {
  const Row<T> row(shape);
  const T n = static_cast<T>(shape.columns);
  for (std::size_t i = i0; i < i1; ++i) {
    Line<T> total = line_of<T>(0), along = line_of<T>(0);
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const Line<T> x = load_line(x_hat + row.at(i, c)), by = load_line(gain + c * chunk<T>);
      Line<T> d = load_line(du + row.at(i, c));
      for (std::size_t k = 0; k < Line<T>::n; ++k) {
        d.v[k] = d.v[k] * by.v[k];
        total.v[k] = total.v[k] + d.v[k];
        along.v[k] = fma_(d.v[k], x.v[k], along.v[k]);
      }
    }
    const Vector<T> mean = broadcast<T>(sum<T>(total) / n), mean_along = broadcast<T>(sum<T>(along) / n);
    const Vector<T> scale = broadcast<T>(inverse[i]);
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const Line<T> x = load_line(x_hat + row.at(i, c)), by = load_line(gain + c * chunk<T>);
      Line<T> d = load_line(du + row.at(i, c));
      for (std::size_t k = 0; k < Line<T>::n; ++k)
        d.v[k] = fma_(-x.v[k], mean_along, d.v[k] * by.v[k] - mean) * scale;
      store_line(delta + row.at(i, c), row.inside(d, c, 0));
    }
  }
}

// dgain = Σ_i du_i ⊙ x̂_i, row after row; dshift is a bias_gradient
template <class T> void gain_gradient(Panels<const T> du, const T* x_hat, std::size_t n, T* dgain) {
  for (std::size_t c = 0; c < padded_columns<T>(du.columns) / chunk<T>; ++c) {
    const std::size_t width = panel_width<T>(du.columns, c / (panel<T> / chunk<T>));
    const std::size_t start = line_start<T>(du.rows, du.columns, 0, c);
    Line<T> total = line_of<T>(0);
    for (std::size_t i = 0; i < n; ++i) {
      const Line<T> d = load_line(du.data + start + i * width), x = load_line(x_hat + start + i * width);
      for (std::size_t k = 0; k < Line<T>::n; ++k) total.v[k] = fma_(d.v[k], x.v[k], total.v[k]);
    }
    store_line(dgain + c * chunk<T>, total);
  }
}

}  // namespace
}  // namespace chainrule
