// Mirrors softmax of reference/activations.py and its cross-entropy of reference/losses.py: whole rows of the output
// layer, which elementwise functions do not see.
#pragma once

#include "elementary.hpp"
#include "kernels.hpp"
#include "packing.hpp"
#include "rows.hpp"

namespace chainrule {
namespace {

// The targets of row i in line c.
template <class T>
CHAINRULE_INLINE Line<T> target(const Row<T>& row, const Targets<T>& t, std::size_t i, std::size_t c) {
  if (!t.labels) return load_line(t.y + row.at(i, c));
  Line<T> y;
  const Integers<T> label =
      broadcast_integer<T>(static_cast<Word<T>>(t.labels[i]) - static_cast<Word<T>>(c * chunk<T>));
  for (std::size_t k = 0; k < Line<T>::n; ++k) y.v[k] = row.numbers[k] == label ? broadcast<T>(1) : broadcast<T>(0);
  return y;
}

// A row of weight 0 has no delta, even where its loss is infinite (0·inf would be NaN).
template <class T> CHAINRULE_INLINE Vector<T> scaled(Vector<T> delta, T scale) {
  return scale > 0 ? delta * broadcast<T>(scale) : broadcast<T>(0);
}

template <class T> CHAINRULE_INLINE T largest_of_row(const Row<T>& row, const T* z, std::size_t i) {
  Line<T> top = line_of<T>(T(-__builtin_inf()));
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    const Line<T> x = row.inside(load_line(z + row.at(i, c)), c, T(-__builtin_inf()));
    for (std::size_t k = 0; k < Line<T>::n; ++k) top.v[k] = x.v[k] > top.v[k] ? x.v[k] : top.v[k];
  }
  return largest<T>(top);
}

// e^x, x = z - top; 0 below the bottom, where powers would soon be subnormal
template <class T> CHAINRULE_INLINE Vector<T> power_of_share(Vector<T> x, Vector<T> bottom) {
  return x < bottom ? broadcast<T>(0) : exp_<T>(x < bottom ? bottom : x);
}
template <class T> CHAINRULE_INLINE Vector<T> bottom_of_shares(T small) {
  return broadcast<T>(small > 0 ? Terms<T>::share_bottom : T(-__builtin_inf()));
}

// a = softmax(z) of row i: e^(z - top), their sum, the quotients
template <class T>
CHAINRULE_INLINE void powers_of_row(const Row<T>& row, const T* z, T* a, std::size_t i, T top, Vector<T> bottom) {
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    Line<T> e = load_line(z + row.at(i, c));
    for (std::size_t k = 0; k < Line<T>::n; ++k) e.v[k] = power_of_share<T>(e.v[k] - broadcast<T>(top), bottom);
    store_line(a + row.at(i, c), row.inside(e, c, T(0)));
  }
}
template <class T> CHAINRULE_INLINE T sum_of_row(const Row<T>& row, const T* a, std::size_t i) {
  Line<T> total = line_of<T>(0);
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    const Line<T> e = load_line(a + row.at(i, c));
    for (std::size_t k = 0; k < Line<T>::n; ++k) total.v[k] = total.v[k] + e.v[k];
  }
  return sum<T>(total);
}
template <class T> CHAINRULE_INLINE void divide_row(const Row<T>& row, T* a, std::size_t i, T s) {
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    Line<T> e = load_line(a + row.at(i, c));
    for (std::size_t k = 0; k < Line<T>::n; ++k) e.v[k] = e.v[k] / broadcast<T>(s);
    store_line(a + row.at(i, c), e);
  }
}

template <class T> void softmax(Panels<T> shape, const T* z, T* a, T small, std::size_t i0, std::size_t i1) {
  const Row<T> row(shape);
  for (std::size_t i = i0; i < i1; ++i) {
    powers_of_row(row, z, a, i, largest_of_row(row, z, i), bottom_of_shares<T>(small));
    divide_row(row, a, i, sum_of_row(row, a, i));
  }
}

// delta = a ⊙ (da - Σ a·da): da comes in delta
template <class T> void softmax_pullback(const Row<T>& row, const T* a, T* delta, std::size_t i0, std::size_t i1) {
  for (std::size_t i = i0; i < i1; ++i) {
    Line<T> total = line_of<T>(0);
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const Line<T> p = load_line(a + row.at(i, c)), da = load_line(delta + row.at(i, c));
      for (std::size_t k = 0; k < Line<T>::n; ++k) total.v[k] = fma_(da.v[k], p.v[k], total.v[k]);
    }
    const T mean = sum<T>(total);
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const Line<T> p = load_line(a + row.at(i, c));
      Line<T> d = load_line(delta + row.at(i, c));
      for (std::size_t k = 0; k < Line<T>::n; ++k) d.v[k] = p.v[k] * (d.v[k] - broadcast<T>(mean));
      store_line(delta + row.at(i, c), d);
    }
  }
}

// Rdelta += Ra ⊙ (da - Σ a·da) - a ⊙ Σ da·Ra, Ra = a ⊙ (Rz - Σ a·Rz)
template <class T>
void softmax_bend(const Row<T>& row, const T* a, const T* da, const T* Rz, T* Rdelta, std::size_t i0, std::size_t i1) {
  for (std::size_t i = i0; i < i1; ++i) {
    Line<T> moved = line_of<T>(0), pulled = moved, both = moved;
    for (std::size_t c = 0; c < row.n_lines; ++c)
      for (std::size_t k = 0; k < Line<T>::n; ++k) {
        const std::size_t j = row.at(i, c) + k * lanes<T>;
        moved.v[k] = fma_(load(Rz + j), load(a + j), moved.v[k]);
        pulled.v[k] = fma_(load(da + j), load(a + j), pulled.v[k]);
      }
    const Vector<T> mean = broadcast<T>(sum<T>(moved)), mean_da = broadcast<T>(sum<T>(pulled));
    const auto Ra = [&](std::size_t j) CHAINRULE_LAMBDA { return load(a + j) * (load(Rz + j) - mean); };
    for (std::size_t c = 0; c < row.n_lines; ++c)
      for (std::size_t k = 0; k < Line<T>::n; ++k) {
        const std::size_t j = row.at(i, c) + k * lanes<T>;
        both.v[k] = fma_(load(da + j), Ra(j), both.v[k]);
      }
    const Vector<T> mean_both = broadcast<T>(sum<T>(both));
    for (std::size_t c = 0; c < row.n_lines; ++c)
      for (std::size_t k = 0; k < Line<T>::n; ++k) {
        const std::size_t j = row.at(i, c) + k * lanes<T>;
        store<T>(Rdelta + j, load(Rdelta + j) + (Ra(j) * (load(da + j) - mean_da) - load(a + j) * mean_both));
      }
  }
}

// y·(log Σ e^z - z), the logarithms of several rows at a time: row_loss holds Σ e^z, weight Σ y, linear Σ y·z
template <class T> void finish_cross_entropy(T* row_loss, const T* weight, const T* linear, std::size_t n) {
  for (std::size_t i = 0; i < n; i += lanes<T>) {
    const std::size_t m = n - i < lanes<T> ? n - i : lanes<T>;
    alignas(64) T x[lanes<T>] = {};
    for (std::size_t k = 0; k < m; ++k) x[k] = row_loss[i + k];
    store<T>(x, log_<T>(load(x)));
    for (std::size_t k = 0; k < m; ++k) row_loss[i + k] = weight[k + i] * x[k] - linear[k + i];
  }
}

constexpr std::size_t block_rows = 32;

// Step by step for a block of rows: within a row, every number depends on the maximum, the sum and the quotient before it.
template <class T>
void softmax_cross_entropy(Panels<T> shape, const Activated<T>& output, T* delta, Targets<T> targets, const T* scale,
                           T* row_loss, std::size_t i0, std::size_t i1) {
  const T* const z = output.z;
  T* const a = output.g;
  const Row<T> row(shape);
  const Vector<T> bottom = bottom_of_shares<T>(output.small), least = broadcast<T>(output.small_delta);
  T top[block_rows], weight[block_rows], linear[block_rows];
  for (std::size_t b = i0; b < i1; b += block_rows) {
    const std::size_t end = b + block_rows < i1 ? b + block_rows : i1;
    for (std::size_t i = b; i < end; ++i) top[i - b] = largest_of_row(row, z, i);
    for (std::size_t i = b; i < end; ++i) powers_of_row(row, z, a, i, top[i - b], bottom);
    for (std::size_t i = b; i < end; ++i) row_loss[i] = sum_of_row(row, a, i);
    for (std::size_t i = b; i < end; ++i) {
      divide_row(row, a, i, row_loss[i]);
      Line<T> y_sum = line_of<T>(0), yz_sum = line_of<T>(0);
      for (std::size_t c = 0; c < row.n_lines; ++c) {
        const std::size_t at = row.at(i, c);
        const Line<T> y = row.inside(target(row, targets, i, c), c, 0);
        Line<T> d = load_line(a + at);
        if (!targets.labels) {
          const Line<T> z_c = row.inside(load_line(z + at), c, top[i - b]);
          for (std::size_t k = 0; k < Line<T>::n; ++k) {
            y_sum.v[k] = y_sum.v[k] + y.v[k];
            yz_sum.v[k] = fma_(y.v[k], z_c.v[k] - broadcast<T>(top[i - b]), yz_sum.v[k]);
          }
        }
        if (!scale) continue;
        for (std::size_t k = 0; k < Line<T>::n; ++k)
          d.v[k] = without_small<T>(scaled<T>(d.v[k] - y.v[k], scale[i]), least);
        store_line(delta + at, d);
      }
      if (targets.labels) {
        const std::size_t j = static_cast<std::size_t>(targets.labels[i]);
        weight[i - b] = 1;
        linear[i - b] = z[row.at(i, j / chunk<T>) + j % chunk<T>] - top[i - b];
      } else {
        weight[i - b] = sum<T>(y_sum);
        linear[i - b] = sum<T>(yz_sum);
      }
    }
    finish_cross_entropy<T>(row_loss + b, weight, linear, end - b);
  }
}

#if !defined(CHAINRULE_ONE_LANE)
// The same bits for labels and a single panel of classes, `lanes` rows at a time: a vector holds one class of each of
// these rows, so that none depends on a sum within its row.

// Σ_j e[j] in the order of sum() for a row
template <class T> CHAINRULE_INLINE Vector<T> sum_of_classes(const Vector<T>* e, std::size_t width) {
  Vector<T> total[chunk<T>];
  for (std::size_t k = 0; k < chunk<T>; ++k) total[k] = e[k];
  for (std::size_t j = chunk<T>; j < width; j += chunk<T>)
    for (std::size_t k = 0; k < chunk<T>; ++k) total[k] = total[k] + e[j + k];
  CHAINRULE_UNROLL
  for (std::size_t half = chunk<T> / 2; half > 0; half /= 2) {
    CHAINRULE_UNROLL
    for (std::size_t k = 0; k < half; ++k) total[k] = total[k] + total[k + half];
  }
  return total[0];
}

// The class indices of `lanes` rows, as wide as the numbers
template <class T> CHAINRULE_INLINE Integers<T> widened_labels(const std::int32_t* labels) {
  typedef std::int32_t Labels __attribute__((vector_size(lanes<T> * sizeof(std::int32_t))));
  Labels few;
  __builtin_memcpy(&few, labels, sizeof few);
  return __builtin_convertvector(few, Integers<T>);
}

// `lanes` rows from z, a, delta on, `width` apart, of which the first m are stored; a, delta null: not wanted
template <class T>
CHAINRULE_INLINE void cross_entropy_of_rows(std::size_t n, std::size_t width, const T* z, T* a, T* delta,
                                            Integers<T> label, Vector<T> share, T* row_loss, std::size_t m,
                                            Vector<T> bottom, Vector<T> least) {
  constexpr std::size_t lane = lanes<T>;
  const Vector<T> zero = broadcast<T>(0);
  Vector<T> e[panel<T>], x[lane], top = broadcast<T>(T(-__builtin_inf())), at_label = zero;
  for (std::size_t c = 0; c < width; c += lane) {
    load_transposed<T>(z + c, width, m, x);
    for (std::size_t k = 0; k < lane; ++k) e[c + k] = x[k];
  }
  for (std::size_t j = 0; j < n; ++j) {
    top = e[j] > top ? e[j] : top;
    at_label = label == broadcast_integer<T>(static_cast<Word<T>>(j)) ? e[j] : at_label;
  }
  for (std::size_t j = 0; j < n; ++j) e[j] = power_of_share<T>(e[j] - top, bottom);
  for (std::size_t j = n; j < width; ++j) e[j] = zero;
  const Vector<T> s = sum_of_classes<T>(e, width), losses = log_<T>(s) - (at_label - top);
  if (m == lane)
    store_unaligned<T>(row_loss, losses);
  else
    for (std::size_t k = 0; k < m; ++k) row_loss[k] = losses[k];

  for (std::size_t c = 0; c < width; c += lane) {
    Vector<T> d[lane];
    CHAINRULE_UNROLL
    for (std::size_t k = 0; k < lane; ++k) {
      x[k] = d[k] = zero;
      if (c + k >= n) continue;  // padding
      x[k] = e[c + k] / s;
      d[k] = x[k] - (label == broadcast_integer<T>(static_cast<Word<T>>(c + k)) ? broadcast<T>(1) : zero);
      d[k] = without_small<T>(share > zero ? d[k] * share : zero, least);
    }
    if (a) store_transposed<T>(x, a + c, width, m);
    if (delta) store_transposed<T>(d, delta + c, width, m);
  }
}

template <class T>
void cross_entropy_of_labels(Panels<T> shape, const Activated<T>& output, T* delta, Targets<T> targets, const T* scale,
                             T* row_loss, std::size_t i0, std::size_t i1) {
  T* const a = output.kept || !scale ? output.g : nullptr;
  const std::size_t n = shape.columns, width = padded_columns<T>(n);
  const Vector<T> bottom = bottom_of_shares<T>(output.small), least = broadcast<T>(output.small_delta);
  std::int32_t last_labels[lanes<T>] = {};
  T last_scales[lanes<T>] = {};
  for (std::size_t i = i0; i < i1; i += lanes<T>) {
    const std::size_t m = i1 - i < lanes<T> ? i1 - i : lanes<T>, at = i * width;
    const std::int32_t* labels = targets.labels + i;
    const T* scales = scale ? scale + i : last_scales;
    if (m < lanes<T>) {  // there may be nothing behind them
      __builtin_memcpy(last_labels, labels, m * sizeof *labels);
      if (scale) __builtin_memcpy(last_scales, scales, m * sizeof(T));
      labels = last_labels, scales = last_scales;
    }
    cross_entropy_of_rows<T>(n, width, output.z + at, a ? a + at : nullptr, scale ? delta + at : nullptr,
                             widened_labels<T>(labels), load_unaligned(scales), row_loss + i, m, bottom, least);
  }
}
#endif

}  // namespace
}  // namespace chainrule
