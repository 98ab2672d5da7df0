// Mirrors reference/losses.py: the loss of each row and delta of the output layer.
#pragma once

#include "activations.hpp"
#include "arrange.hpp"
#include "kernels.hpp"
#include "rows.hpp"

namespace chainrule {
namespace {

// The targets of row i in line c.
template <class T, std::size_t lines>
CHAINRULE_INLINE Line<T> target(const Row<T, lines>& row, const Targets<T>& t, std::size_t i, std::size_t c) {
  if (!t.labels) return load_line(t.y + row.at(i, c));
  Line<T> y;
  const Integers<T> label = broadcast_integer<T>(static_cast<Word<T>>(t.labels[i]) - static_cast<Word<T>>(c * chunk<T>));
  for (std::size_t k = 0; k < Line<T>::n; ++k)
    y.v[k] = row.numbers[k] == label ? broadcast<T>(1) : broadcast<T>(0);
  return y;
}

// A row of weight 0 has no delta, even where its loss is infinite (0·inf would be NaN).
template <class T> CHAINRULE_INLINE Vector<T> scaled(Vector<T> delta, T scale) {
  return scale > 0 ? delta * broadcast<T>(scale) : broadcast<T>(0);
}

// softmax ------------------------------------------------------------------------------------------

template <class T, std::size_t lines> CHAINRULE_INLINE T largest_of_row(const Row<T, lines>& row, const T* z, std::size_t i) {
  Line<T> top = line_of<T>(T(-__builtin_inf()));
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    const Line<T> x = row.inside(load_line(z + row.at(i, c)), c, T(-__builtin_inf()));
    for (std::size_t k = 0; k < Line<T>::n; ++k) top.v[k] = x.v[k] > top.v[k] ? x.v[k] : top.v[k];
  }
  return largest<T>(top);
}

// a = softmax(z) of row i; returns Σ e^(z - top)
template <class T, std::size_t lines> CHAINRULE_INLINE T softmax_row(const Row<T, lines>& row, const T* z, T* a, std::size_t i, T top) {
  Line<T> total = line_of<T>(0);
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    Line<T> e = load_line(z + row.at(i, c));
    for (std::size_t k = 0; k < Line<T>::n; ++k) e.v[k] = exp_<T>(e.v[k] - broadcast<T>(top));
    e = row.inside(e, c, T(0));
    for (std::size_t k = 0; k < Line<T>::n; ++k) total.v[k] = total.v[k] + e.v[k];
    store_line(a + row.at(i, c), e);
  }
  const T s = sum<T>(total);
  for (std::size_t c = 0; c < row.n_lines; ++c) {
    Line<T> e = load_line(a + row.at(i, c));
    for (std::size_t k = 0; k < Line<T>::n; ++k) e.v[k] = e.v[k] / broadcast<T>(s);
    store_line(a + row.at(i, c), e);
  }
  return s;
}

template <class T> void softmax(Panels<T> shape, const T* z, T* a, std::size_t i0, std::size_t i1) {
  const Row<T> row(shape);
  for (std::size_t i = i0; i < i1; ++i) softmax_row(row, z, a, i, largest_of_row(row, z, i));
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

// y·(log Σ e^z - z), the logarithms of several rows at a time: row_loss holds Σ e^z, weight Σ y, linear Σ y·z
template <class T>
void finish_cross_entropy(T* row_loss, const T* weight, const T* linear, std::size_t n) {
  for (std::size_t i = 0; i < n; i += lanes<T>) {
    const std::size_t m = n - i < lanes<T> ? n - i : lanes<T>;
    alignas(64) T x[lanes<T>] = {};
    for (std::size_t k = 0; k < m; ++k) x[k] = row_loss[i + k];
    store<T>(x, log_<T>(load(x)));
    for (std::size_t k = 0; k < m; ++k) row_loss[i + k] = weight[k + i] * x[k] - linear[k + i];
  }
}

constexpr std::size_t block_rows = 64;

template <class T>
void softmax_cross_entropy(Panels<T> shape, const T* z, T* a, T* delta, Targets<T> targets, const T* scale,
                           T* row_loss, std::size_t i0, std::size_t i1) {
  const Row<T> row(shape);
  T weight[block_rows], linear[block_rows];
  for (std::size_t b = i0; b < i1; b += block_rows) {
    const std::size_t end = b + block_rows < i1 ? b + block_rows : i1;
    for (std::size_t i = b; i < end; ++i) {
      const T top = largest_of_row(row, z, i);
      row_loss[i] = softmax_row(row, z, a, i, top);
      Line<T> y_sum = line_of<T>(0), yz_sum = line_of<T>(0);
      for (std::size_t c = 0; c < row.n_lines; ++c) {
        const std::size_t at = row.at(i, c);
        const Line<T> y = row.inside(target(row, targets, i, c), c, 0), z_c = row.inside(load_line(z + at), c, top);
        Line<T> d = load_line(a + at);
        for (std::size_t k = 0; k < Line<T>::n; ++k) {
          if (!targets.labels) {
            y_sum.v[k] = y_sum.v[k] + y.v[k];
            yz_sum.v[k] = fma_(y.v[k], z_c.v[k] - broadcast<T>(top), yz_sum.v[k]);
          }
          d.v[k] = d.v[k] - y.v[k];
          if (scale) d.v[k] = scaled<T>(d.v[k], scale[i]);
        }
        if (scale) store_line(delta + at, d);
      }
      if (targets.labels) {
        const std::size_t j = static_cast<std::size_t>(targets.labels[i]);
        weight[i - b] = 1;
        linear[i - b] = z[row.at(i, j / chunk<T>) + j % chunk<T>] - top;
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
// these rows, so that none waits for the sum over its row.

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

// m rows from z, a, delta on, `width` apart
template <class T>
CHAINRULE_INLINE void cross_entropy_of_rows(std::size_t n, std::size_t width, const T* z, T* a, T* delta,
                                            const std::int32_t* labels, const T* scale, T* row_loss, std::size_t m) {
  constexpr std::size_t lane = lanes<T>;
  alignas(64) T at_label[lane] = {}, scales[lane] = {}, losses[lane];
  alignas(64) Word<T> label[lane] = {};
  for (std::size_t k = 0; k < m; ++k) {
    label[k] = labels[k], at_label[k] = z[k * width + static_cast<std::size_t>(labels[k])];
    if (scale) scales[k] = scale[k];
  }
  Vector<T> e[panel<T>], x[lane], top = broadcast<T>(T(-__builtin_inf()));
  for (std::size_t c = 0; c < width; c += lane) {
    load_transposed<T>(z + c, width, m, x);
    for (std::size_t k = 0; k < lane; ++k) e[c + k] = x[k];
  }
  for (std::size_t j = 0; j < n; ++j) top = e[j] > top ? e[j] : top;
  for (std::size_t j = 0; j < n; ++j) e[j] = exp_<T>(e[j] - top);
  for (std::size_t j = n; j < width; ++j) e[j] = broadcast<T>(0);
  const Vector<T> s = sum_of_classes<T>(e, width);
  store<T>(losses, log_<T>(s) - (load(at_label) - top));
  for (std::size_t k = 0; k < m; ++k) row_loss[k] = losses[k];

  const Integers<T> labelled = *reinterpret_cast<const Integers<T>*>(label);
  const Vector<T> share = load(scales), zero = broadcast<T>(0);
  for (std::size_t c = 0; c < width; c += lane) {
    Vector<T> d[lane];
    CHAINRULE_UNROLL
    for (std::size_t k = 0; k < lane; ++k) {
      const Integers<T> j = broadcast_integer<T>(static_cast<Word<T>>(c + k));
      x[k] = e[c + k] / s;
      d[k] = x[k] - (labelled == j ? broadcast<T>(1) : zero);
      d[k] = share > zero ? d[k] * share : zero;
    }
    store_transposed<T>(x, a + c, width, m);
    if (scale) store_transposed<T>(d, delta + c, width, m);
  }
}

template <class T>
void cross_entropy_of_labels(Panels<T> shape, const T* z, T* a, T* delta, Targets<T> targets, const T* scale,
                             T* row_loss, std::size_t i0, std::size_t i1) {
  const std::size_t n = shape.columns, width = padded_columns<T>(n);
  for (std::size_t i = i0; i < i1; i += lanes<T>) {
    const std::size_t m = i1 - i < lanes<T> ? i1 - i : lanes<T>, at = i * width;
    cross_entropy_of_rows<T>(n, width, z + at, a + at, scale ? delta + at : nullptr, targets.labels + i,
                             scale ? scale + i : nullptr, row_loss + i, m);
  }
}
#endif

// elementwise losses: (z, a, y) -> loss of the unit and its derivative, by z where is_fused, by a elsewhere ----

template <class T> struct Unit {
  Vector<T> loss, derivative;
};

template <class T> struct SquaredError {
  static CHAINRULE_INLINE Unit<T> of(Vector<T>, Vector<T> a, Vector<T> y) {
    const Vector<T> e = a - y;
    return {broadcast<T>(T(0.5)) * (e * e), e};
  }
  static CHAINRULE_INLINE Vector<T> dda(Vector<T>, Vector<T>) { return broadcast<T>(1); }
};
template <class T> struct BinaryCrossEntropy {
  static CHAINRULE_INLINE Unit<T> of(Vector<T> z, Vector<T> a, Vector<T> y) {
    return {softplus_<T>(z) - y * z, a - y};
  }
};
template <class T> struct AbsoluteError {
  static CHAINRULE_INLINE Unit<T> of(Vector<T>, Vector<T> a, Vector<T> y) {
    const Vector<T> e = a - y, zero = broadcast<T>(0), one = broadcast<T>(1);
    return {absolute<T>(e), e > zero ? one : (e < zero ? -one : e)};  // sign; NaN stays
  }
  static CHAINRULE_INLINE Vector<T> dda(Vector<T>, Vector<T>) { return broadcast<T>(0); }
};
template <class T> struct Huber {
  static CHAINRULE_INLINE Unit<T> of(Vector<T>, Vector<T> a, Vector<T> y) {
    const Vector<T> e = a - y, size = absolute<T>(e), near = at_most<T>(size, T(1));
    return {near * (size - broadcast<T>(T(0.5)) * near), at_least<T>(at_most<T>(e, T(1)), T(-1))};
  }
  static CHAINRULE_INLINE Vector<T> dda(Vector<T> a, Vector<T> y) {
    return absolute<T>(a - y) <= broadcast<T>(1) ? broadcast<T>(1) : broadcast<T>(0);
  }
};
template <class T> struct Quantile {
  T level, rest;  // rest: 1 - level, formed in double
  CHAINRULE_INLINE Unit<T> of(Vector<T>, Vector<T> a, Vector<T> y) const {
    const Vector<T> e = a - y, zero = broadcast<T>(0), above = broadcast<T>(rest), below = broadcast<T>(-level);
    return {e > zero ? above * e : below * e, e > zero ? above : (e < zero ? below : e)};  // NaN stays
  }
  static CHAINRULE_INLINE Vector<T> dda(Vector<T>, Vector<T>) { return broadcast<T>(0); }
};
template <class T> struct PoissonOfExponential {
  static CHAINRULE_INLINE Unit<T> of(Vector<T> z, Vector<T> a, Vector<T> y) { return {a - y * z, a - y}; }
};
template <class T> struct PoissonOfSoftplus {
  // Below vanishing_rate softplus(z) = e^z = σ(z) in every digit; further down both become 0 and say nothing.
  static constexpr T vanishing_rate = T(-37);
  static CHAINRULE_INLINE Unit<T> of(Vector<T> z, Vector<T> a, Vector<T> y) {
    const Vector<T> near = at_least<T>(z, vanishing_rate), rate = softplus_<T>(near);
    return {a - y * (log_<T>(rate) + (z - near)), sigmoid_<T>(z) - y * (sigmoid_<T>(near) / rate)};
  }
  // the derivative of delta: with q = σ/softplus, σ′ - y·q′ and q′ = q·(1 - σ - q)
  static CHAINRULE_INLINE Vector<T> bend(Vector<T> z, Vector<T> y) {
    const Vector<T> near = at_least<T>(z, vanishing_rate), s = sigmoid_<T>(z), s_near = sigmoid_<T>(near);
    const Vector<T> q = s_near / softplus_<T>(near), one = broadcast<T>(1);
    return s * (one - s) - y * (q * (one - s_near - q));
  }
};

template <class T, class Entry>
void elementwise_loss(Panels<T> shape, const T* z, const T* a, T* delta, Targets<T> targets, T* row_loss,
                      std::size_t i0, std::size_t i1, const Entry entry = {}) {
  const Row<T> row(shape);
  for (std::size_t i = i0; i < i1; ++i) {
    Line<T> total = line_of<T>(0);
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const std::size_t at = row.at(i, c);
      const Line<T> z_c = load_line((z ? z : a) + at), a_c = load_line(a + at), y = target(row, targets, i, c);
      Line<T> loss, d;
      for (std::size_t k = 0; k < Line<T>::n; ++k) {
        const Unit<T> u = entry.of(z_c.v[k], a_c.v[k], y.v[k]);
        loss.v[k] = y.v[k] == y.v[k] ? u.loss : broadcast<T>(0);  // a missing target, NaN, says nothing
        d.v[k] = y.v[k] == y.v[k] ? u.derivative : broadcast<T>(0);
      }
      loss = row.inside(loss, c, 0);
      for (std::size_t k = 0; k < Line<T>::n; ++k) total.v[k] = total.v[k] + loss.v[k];
      if (delta) store_line(delta + at, row.inside(d, c, 0));
    }
    row_loss[i] = sum<T>(total);
  }
}

template <class T>
void scale_rows(const Row<T>& row, T* delta, const T* scale, std::size_t i0, std::size_t i1) {
  for (std::size_t i = i0; i < i1; ++i)
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      Line<T> d = load_line(delta + row.at(i, c));
      for (std::size_t k = 0; k < Line<T>::n; ++k) d.v[k] = scaled<T>(d.v[k], scale[i]);
      store_line(delta + row.at(i, c), row.inside(d, c, 0));
    }
}

template <class T>
void unit_losses(Loss loss, Panels<T> shape, const Activated<T>& output, T* delta, Targets<T> targets, T* row_loss,
                 std::size_t i0, std::size_t i1) {
  const T *z = output.z, *a = output.g;
  switch (loss.family) {
    case LossFamily::squared_error:
      return elementwise_loss<T, SquaredError<T>>(shape, z, a, delta, targets, row_loss, i0, i1);
    case LossFamily::cross_entropy:
      return elementwise_loss<T, BinaryCrossEntropy<T>>(shape, z, a, delta, targets, row_loss, i0, i1);
    case LossFamily::absolute_error:
      return elementwise_loss<T, AbsoluteError<T>>(shape, z, a, delta, targets, row_loss, i0, i1);
    case LossFamily::huber: return elementwise_loss<T, Huber<T>>(shape, z, a, delta, targets, row_loss, i0, i1);
    case LossFamily::poisson:
      if (output.activation == Activation::exponential)
        return elementwise_loss<T, PoissonOfExponential<T>>(shape, z, a, delta, targets, row_loss, i0, i1);
      return elementwise_loss<T, PoissonOfSoftplus<T>>(shape, z, a, delta, targets, row_loss, i0, i1);
    case LossFamily::quantile: {
      const Quantile<T> entry{static_cast<T>(loss.level), static_cast<T>(1 - loss.level)};
      return elementwise_loss<T, Quantile<T>>(shape, z, a, delta, targets, row_loss, i0, i1, entry);
    }
  }
}

constexpr bool is_fused(Loss loss, Activation output) {
  return (loss.family == LossFamily::squared_error && output == Activation::identity) ||
         (loss.family == LossFamily::cross_entropy && output == Activation::sigmoid) ||
         loss.family == LossFamily::poisson;
}

// value_and_delta: a of softmax too, which dense_forward leaves to this function
template <class T>
void value_and_delta(Loss loss, Panels<T> shape, Activated<T> output, T* delta, Targets<T> targets, const T* scale,
                     T* row_loss, std::size_t i0, std::size_t i1) {
  const bool is_softmax = output.activation == Activation::softmax;
  if (is_softmax && loss.family == LossFamily::cross_entropy) {
#if !defined(CHAINRULE_ONE_LANE)
    if (targets.labels && shape.columns <= panel<T>)
      return cross_entropy_of_labels<T>(shape, output.z, output.g, delta, targets, scale, row_loss, i0, i1);
#endif
    return softmax_cross_entropy<T>(shape, output.z, output.g, delta, targets, scale, row_loss, i0, i1);
  }
  if (is_softmax) softmax<T>(shape, output.z, output.g, i0, i1);
  unit_losses<T>(loss, shape, output, scale ? delta : nullptr, targets, row_loss, i0, i1);
  if (!scale) return;
  const Row<T> row(shape);
  if (is_softmax) {
    softmax_pullback<T>(row, output.g, delta, i0, i1);
  } else if (!is_fused(loss, output.activation)) {
    for (std::size_t p = 0; p < n_panels<T>(shape.columns); ++p) {
      const std::size_t width = panel_width<T>(shape.columns, p);
      const std::size_t at = panel_start<T>(shape.rows, p) + i0 * width;
      pullback<T>(output.activation, output.z ? output.z + at : nullptr, output.g + at, delta + at, delta + at,
                  (i1 - i0) * width);
    }
  }
  scale_rows<T>(row, delta, scale, i0, i1);
}

// bend_of_delta: how delta of the output layer changes as z moves along Rz ----------------------------------

// f(row i, first number of line c, its targets) for all lines of rows i0 … i1
template <class T, class F>
CHAINRULE_INLINE void for_lines(Panels<T> shape, const Targets<T>& targets, std::size_t i0, std::size_t i1, const F& f) {
  const Row<T> row(shape);
  for (std::size_t i = i0; i < i1; ++i)
    for (std::size_t c = 0; c < row.n_lines; ++c) f(i, row.at(i, c), target(row, targets, i, c));
}

// Ra in Rdelta becomes ∂²loss/∂a² ⊙ Ra; da = ∂loss/∂a
template <class T, class Entry>
void unit_bends(Panels<T> shape, const T* z, const T* a, T* Rdelta, T* da, Targets<T> targets,
                const Entry entry = {}) {
  for_lines<T>(shape, targets, 0, shape.rows, [=](std::size_t, std::size_t at, const Line<T>& y) CHAINRULE_LAMBDA {
    for (std::size_t k = 0; k < Line<T>::n; ++k) {
      const std::size_t j = at + k * lanes<T>;
      const Vector<T> a_j = load(a + j);
      store<T>(Rdelta + j, entry.dda(a_j, y.v[k]) * load(Rdelta + j));
      store<T>(da + j, entry.of(load(z + j), a_j, y.v[k]).derivative);
    }
  });
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

// da: room for the rows; every array whole, rows 0 … n of a matrix of n rows
template <class T>
void bend_of_delta(Loss loss, Panels<T> shape, Activated<T> output, const T* Rz, T* Rdelta, T* da, Targets<T> targets,
                   const T* scale) {
  const T *z = output.z, *a = output.g;
  const std::size_t n = shape.rows, size = n_elements<T>(n, shape.columns);
  const Row<T> row(shape);
  const bool is_softmax = output.activation == Activation::softmax;
  const auto pull = [&](const T* from) {  // Rdelta = pullback(z, a, from)
    if (!is_softmax) return pullback<T>(output.activation, z, a, from, Rdelta, size);
    if (from != Rdelta) __builtin_memcpy(Rdelta, from, size * sizeof(T));
    softmax_pullback<T>(row, a, Rdelta, 0, n);
  };
  if (loss.family == LossFamily::poisson && output.activation == Activation::softplus) {
    for_lines<T>(shape, targets, 0, n, [=](std::size_t, std::size_t at, const Line<T>& y) CHAINRULE_LAMBDA {
      for (std::size_t k = 0; k < Line<T>::n; ++k) {
        const std::size_t j = at + k * lanes<T>;
        store<T>(Rdelta + j, PoissonOfSoftplus<T>::bend(load(z + j), y.v[k]) * load(Rz + j));
      }
    });
  } else {
    pull(Rz);
    if (!is_fused(loss, output.activation) && !(is_softmax && loss.family == LossFamily::cross_entropy)) {
      if (loss.family == LossFamily::squared_error)
        unit_bends<T, SquaredError<T>>(shape, z, a, Rdelta, da, targets);
      else if (loss.family == LossFamily::absolute_error)
        unit_bends<T, AbsoluteError<T>>(shape, z, a, Rdelta, da, targets);
      else if (loss.family == LossFamily::huber)
        unit_bends<T, Huber<T>>(shape, z, a, Rdelta, da, targets);
      else
        unit_bends<T, Quantile<T>>(shape, z, a, Rdelta, da, targets,
                                   {static_cast<T>(loss.level), static_cast<T>(1 - loss.level)});
      pull(Rdelta);
      if (is_softmax)
        softmax_bend<T>(row, a, da, Rz, Rdelta, 0, n);
      else
        bend<T>(output.activation, z, a, da, Rz, Rdelta, size);
    }
  }
  for_lines<T>(shape, targets, 0, n, [=](std::size_t, std::size_t at, const Line<T>& y) CHAINRULE_LAMBDA {
    for (std::size_t k = 0; k < Line<T>::n; ++k) {
      const std::size_t j = at + k * lanes<T>;
      store<T>(Rdelta + j, y.v[k] == y.v[k] ? load(Rdelta + j) : broadcast<T>(0));
    }
  });
  scale_rows<T>(row, Rdelta, scale, 0, n);
}

}  // namespace
}  // namespace chainrule
