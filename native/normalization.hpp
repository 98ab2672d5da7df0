// Mirrors layer_norm_forward and layer_norm_backward of reference/layers.py, and their R_ of
// reference/second_order.py, on the panel layout.
#pragma once

#include "kernels.hpp"
#include "layers.hpp"
#include "rows.hpp"

namespace chainrule {
namespace {

// Calls f with the row kernel's Row: of known length where a row is one panel.
template <class T, class F> CHAINRULE_INLINE void with_row(Panels<T> shape, const F& f) {
  switch (padded_columns<T>(shape.columns) / chunk<T>) {
    case 1: return f(Row<T, 1>(shape));
    case 2: return f(Row<T, 2>(shape));
    case 3: return f(Row<T, 3>(shape));
    case 4: return f(Row<T, 4>(shape));
    default: return f(Row<T>(shape));
  }
}

// A row that is worked on: in registers, or in memory where its length is not known.
template <class T, std::size_t lines> struct Worked {
  const Row<T, lines>& row;
  T* const memory;
  const std::size_t i;
  Line<T> registers[lines ? lines : 1];
  CHAINRULE_INLINE Line<T> get(std::size_t c) const { return lines ? registers[c] : load_line(memory + row.at(i, c)); }
  CHAINRULE_INLINE void set(std::size_t c, const Line<T>& x) {
    if (lines)
      registers[c] = x;
    else
      store_line(memory + row.at(i, c), x);
  }
};

// x̂ of row i, and 1/√(var + ε), which is returned
template <class T, std::size_t lines>
CHAINRULE_INLINE T normalise_row(const Row<T, lines>& row, const T* z, T* x_hat, std::size_t i) {
  const T n = static_cast<T>(row.shape.columns);
  Worked<T, lines> x{row, x_hat, i, {}};
  Line<T> total = line_of<T>(0), squares = total;
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    x.set(c, row.inside(load_line(z + row.at(i, c)), c, 0));
    for (std::size_t k = 0; k < Line<T>::n; ++k) total.v[k] = total.v[k] + x.get(c).v[k];
  }
  const Vector<T> mean = broadcast<T>(sum<T>(total) / n);
  total = line_of<T>(0);
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    Line<T> centred = x.get(c);
    for (std::size_t k = 0; k < Line<T>::n; ++k) centred.v[k] = centred.v[k] - mean;
    centred = row.inside(centred, c, 0);
    for (std::size_t k = 0; k < Line<T>::n; ++k) {
      total.v[k] = total.v[k] + centred.v[k];
      squares.v[k] = fma_(centred.v[k], centred.v[k], squares.v[k]);
    }
    x.set(c, centred);
  }
  // The rounding of a large mean is all that equal numbers leave: it is taken out of x and of its variance.
  const Vector<T> rest = broadcast<T>(sum<T>(total) / n);
  const Vector<T> variance = at_least<T>(fma_(-rest, rest, broadcast<T>(sum<T>(squares) / n)), T(0));
  // A variance that overflowed would make of every unit a 0: the difference, else 0, makes it NaN.
  const Vector<T> inverse = broadcast<T>(1) / sqrt_(variance + broadcast<T>(T(1e-5))) + (variance - variance);
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    Line<T> centred = x.get(c);
    for (std::size_t k = 0; k < Line<T>::n; ++k) centred.v[k] = (centred.v[k] - rest) * inverse;
    store_line(x_hat + row.at(i, c), row.inside(centred, c, 0));
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
  T* const u = out.z ? out.z : out.g;
  with_row<T>(shape, [=](const auto& row) {
    for (std::size_t i = i0; i < i1; ++i) {
      inverse[i] = normalise_row(row, z, x_hat, i);
      for (std::size_t c = 0; c < row.n_lines; ++c) {
        Line<T> x = load_line(x_hat + row.at(i, c));
        const Line<T> by = load_line(gain + c * chunk<T>), plus = load_line(shift + c * chunk<T>);
        for (std::size_t k = 0; k < Line<T>::n; ++k)
          x.v[k] = without_small<T>(fma_(by.v[k], x.v[k], plus.v[k]), broadcast<T>(out.small));
        store_line(u + row.at(i, c), x);
      }
    }
  });
  for_panel_rows<T>(shape, i0, i1, [&](std::size_t first, std::size_t n) { finish<T>(out, u, first, n); });
}

// delta = (dx̂ - mean(dx̂) - x̂ ⊙ mean(dx̂ ⊙ x̂)) / √(var + ε), dx̂ = du ⊙ gain, for rows i0 … i1
template <class T>
void layer_norm_backward(Panels<T> shape, const T* x_hat, const T* inverse, const T* gain, const T* du, T* delta,
                         T small, std::size_t i0, std::size_t i1) {
  const T n = static_cast<T>(shape.columns);
  with_row<T>(shape, [=](const auto& row) {
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
          d.v[k] = without_small<T>(fma_(-x.v[k], mean_along, d.v[k] * by.v[k] - mean) * scale, broadcast<T>(small));
        store_line(delta + row.at(i, c), row.inside(d, c, 0));
      }
    }
  });
}

// dgain = Σ_i du_i ⊙ x̂_i, row after row; dshift is a bias_gradient
template <class T> void gain_gradient(Panels<const T> du, const T* x_hat, RowRange rows, T* dgain) {
  for (std::size_t c = 0; c < padded_columns<T>(du.columns) / chunk<T>; ++c) {
    const std::size_t width = panel_width<T>(du.columns, c / (panel<T> / chunk<T>));
    const std::size_t start = line_start<T>(du.rows, du.columns, rows.first, c);
    Line<T> total = line_of<T>(0);
    for (std::size_t i = 0; i < rows.n; ++i) {
      const Line<T> d = load_line(du.data + start + i * width), x = load_line(x_hat + start + i * width);
      for (std::size_t k = 0; k < Line<T>::n; ++k) total.v[k] = fma_(d.v[k], x.v[k], total.v[k]);
    }
    store_line(dgain + c * chunk<T>, total);
  }
}

// Ru = Rgain ⊙ x̂ + gain ⊙ Rx̂ + Rshift with Rx̂ = (Rz - mean(Rz) - x̂ ⊙ R√) / √(var + ε), R√ = mean(x̂ ⊙ Rz): both kept
template <class T>
void R_layer_norm_forward(Panels<T> shape, const T* x_hat, const T* inverse, const T* Rz, const T* gain, const T* Rgain,
                          const T* Rshift, T* Rx_hat, T* Rroot, T* Ru) {
  const Row<T> row(shape);
  const T n = static_cast<T>(shape.columns);
  for (std::size_t i = 0; i < shape.rows; ++i) {
    Line<T> total = line_of<T>(0), along = total;
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const Line<T> r = row.inside(load_line(Rz + row.at(i, c)), c, 0);
      for (std::size_t k = 0; k < Line<T>::n; ++k) total.v[k] = total.v[k] + r.v[k];
    }
    const Vector<T> mean = broadcast<T>(sum<T>(total) / n);
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const Line<T> r = load_line(Rz + row.at(i, c)), x = load_line(x_hat + row.at(i, c));  // x̂ is 0 in the padding
      for (std::size_t k = 0; k < Line<T>::n; ++k) along.v[k] = fma_(x.v[k], r.v[k] - mean, along.v[k]);
    }
    const Vector<T> root = broadcast<T>(sum<T>(along) / n);
    Rroot[i] = sum<T>(along) / n;
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const std::size_t at = row.at(i, c);
      const Line<T> x = load_line(x_hat + at), r = load_line(Rz + at);
      const Line<T> by = load_line(gain + c * chunk<T>), Rby = load_line(Rgain + c * chunk<T>);
      Line<T> Rx, u = load_line(Rshift + c * chunk<T>);
      for (std::size_t k = 0; k < Line<T>::n; ++k)
        Rx.v[k] = fma_(-x.v[k], root, r.v[k] - mean) * broadcast<T>(inverse[i]);
      Rx = row.inside(Rx, c, 0);
      for (std::size_t k = 0; k < Line<T>::n; ++k) u.v[k] = fma_(Rby.v[k], x.v[k], fma_(by.v[k], Rx.v[k], u.v[k]));
      store_line(Rx_hat + at, Rx);
      store_line(Ru + at, u);
    }
  }
}

// Rdelta = (Rdx̂ - mean(Rdx̂) - Rx̂ ⊙ along - x̂ ⊙ Ralong - delta ⊙ R√) / √(var + ε), the same formulas as in the reference
template <class T>
void R_layer_norm_backward(Panels<T> shape, const T* x_hat, const T* inverse, const T* Rx_hat, const T* Rroot,
                           const T* gain, const T* Rgain, const T* du, const T* Rdu, const T* delta, T* Rdelta) {
  const Row<T> row(shape);
  const T n = static_cast<T>(shape.columns);
  for (std::size_t i = 0; i < shape.rows; ++i) {
    Line<T> total = line_of<T>(0), along = total, Ralong = total;
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const std::size_t at = row.at(i, c);
      const Line<T> x = load_line(x_hat + at), Rx = load_line(Rx_hat + at), d = row.inside(load_line(du + at), c, 0);
      const Line<T> Rd = row.inside(load_line(Rdu + at), c, 0);
      const Line<T> by = load_line(gain + c * chunk<T>), Rby = load_line(Rgain + c * chunk<T>);
      for (std::size_t k = 0; k < Line<T>::n; ++k) {
        const Vector<T> dx = d.v[k] * by.v[k], Rdx = fma_(d.v[k], Rby.v[k], Rd.v[k] * by.v[k]);
        total.v[k] = total.v[k] + Rdx;
        along.v[k] = fma_(dx, x.v[k], along.v[k]);
        Ralong.v[k] = fma_(Rdx, x.v[k], fma_(dx, Rx.v[k], Ralong.v[k]));
      }
    }
    const Vector<T> mean = broadcast<T>(sum<T>(total) / n), by_x = broadcast<T>(sum<T>(along) / n);
    const Vector<T> Rby_x = broadcast<T>(sum<T>(Ralong) / n);
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const std::size_t at = row.at(i, c);
      const Line<T> x = load_line(x_hat + at), Rx = load_line(Rx_hat + at), d = load_line(du + at);
      const Line<T> by = load_line(gain + c * chunk<T>), Rby = load_line(Rgain + c * chunk<T>);
      const Line<T> below = load_line(delta + at);
      Line<T> Rd = load_line(Rdu + at);
      for (std::size_t k = 0; k < Line<T>::n; ++k) {
        const Vector<T> centred = fma_(d.v[k], Rby.v[k], Rd.v[k] * by.v[k]) - mean;
        const Vector<T> rest =
            fma_(-below.v[k], broadcast<T>(Rroot[i]), fma_(-x.v[k], Rby_x, fma_(-Rx.v[k], by_x, centred)));
        Rd.v[k] = rest * broadcast<T>(inverse[i]);
      }
      store_line(Rdelta + at, row.inside(Rd, c, 0));
    }
  }
}

}  // namespace
}  // namespace chainrule
