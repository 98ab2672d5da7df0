// Mirrors reference/losses.py: the loss of each row and delta of the output layer.
#pragma once

#include "activations.hpp"
#include "focal.hpp"
#include "interval_losses.hpp"
#include "kernels.hpp"
#include "softmax.hpp"
#include "unit_losses.hpp"

namespace chainrule {
namespace {

// Elementwise losses where there is one output: vectors run along the rows, of which one alone would hold one number and padding.
template <class T, class Entry>
void column_loss(const T* z, const T* a, T* delta, Targets<T> targets, T* row_loss, std::size_t i0, std::size_t i1,
                 const Entry& entry) {
  alignas(64) T z_b[block_rows] = {}, a_b[block_rows] = {}, y_b[block_rows] = {}, d_b[block_rows];
  for (std::size_t b = i0; b < i1; b += block_rows) {
    const std::size_t m = i1 - b < block_rows ? i1 - b : block_rows;
    for (std::size_t i = 0; i < m; ++i) {
      const std::size_t at = (b + i) * chunk<T>;
      z_b[i] = z[at], a_b[i] = a[at];
      y_b[i] = targets.labels ? T(targets.labels[b + i] == 0) : targets.y[at];
    }
    for (std::size_t i = 0; i < m; i += lanes<T>) {
      const Vector<T> y = load(y_b + i), zero = broadcast<T>(0);
      const Unit<T> u = entry.of(load(z_b + i), load(a_b + i), y);
      store<T>(z_b + i, zero + (y == y ? u.loss : zero));  // a missing target, NaN, does not count
      store<T>(d_b + i, y == y ? u.derivative : zero);
    }
    for (std::size_t i = 0; i < m; ++i) row_loss[b + i] = z_b[i];
    if (!delta) continue;
    for (std::size_t i = 0; i < m; ++i) {
      store_line(delta + (b + i) * chunk<T>, line_of<T>(0));
      delta[(b + i) * chunk<T>] = d_b[i];
    }
  }
}

template <class T, class Entry>
void elementwise_loss(Panels<T> shape, const T* z, const T* a, T* delta, Targets<T> targets, T* row_loss,
                      std::size_t i0, std::size_t i1, const Entry entry = {}) {
  if (shape.columns == 1) return column_loss<T>(z ? z : a, a, delta, targets, row_loss, i0, i1, entry);
  const Row<T> row(shape);
  for (std::size_t i = i0; i < i1; ++i) {
    Line<T> total = line_of<T>(0);
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const std::size_t at = row.at(i, c);
      const Line<T> z_c = load_line((z ? z : a) + at), a_c = load_line(a + at), y = target(row, targets, i, c);
      Line<T> loss, d;
      for (std::size_t k = 0; k < Line<T>::n; ++k) {
        const Unit<T> u = entry.of(z_c.v[k], a_c.v[k], y.v[k]);
        loss.v[k] = y.v[k] == y.v[k] ? u.loss : broadcast<T>(0);  // a missing target, NaN, does not count
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
void scale_rows(const Row<T>& row, T* delta, const T* scale, T small, std::size_t i0, std::size_t i1) {
  for (std::size_t i = i0; i < i1; ++i)
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      Line<T> d = load_line(delta + row.at(i, c));
      for (std::size_t k = 0; k < Line<T>::n; ++k)
        d.v[k] = without_small<T>(scaled<T>(d.v[k], scale[i]), broadcast<T>(small));
      store_line(delta + row.at(i, c), row.inside(d, c, 0));
    }
}

template <class T>
void unit_losses(const Loss& loss, Panels<T> shape, const Activated<T>& output, T* delta, Targets<T> targets,
                 T* row_loss, std::size_t i0, std::size_t i1) {
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
    case LossFamily::quantile:
      return elementwise_loss<T, Quantile<T>>(shape, z, a, delta, targets, row_loss, i0, i1,
                                              quantile_of<T>(loss.parameter));
    case LossFamily::gaussian: return heads_loss<T>(shape, a, delta, targets, row_loss, i0, i1, Gaussian<T>{});
    case LossFamily::intervals: return heads_loss<T>(shape, a, delta, targets, row_loss, i0, i1, Intervals<T>{loss});
    case LossFamily::focal: {
      const FocalOfLabels<T> entry{static_cast<T>(loss.parameter)};
      return elementwise_loss<T, FocalOfLabels<T>>(shape, z, a, delta, targets, row_loss, i0, i1, entry);
    }
  }
}

// Whether the derivative is that by z
constexpr bool is_fused(const Loss& loss, Activation output) {
  return (loss.family == LossFamily::squared_error && output == Activation::identity) ||
         (loss.family == LossFamily::cross_entropy && output == Activation::sigmoid) ||
         loss.family == LossFamily::poisson || loss.family == LossFamily::focal;
}

// value_and_delta: a of softmax too, which dense_forward leaves to this function
template <class T>
void value_and_delta(const Loss& loss, Panels<T> shape, Activated<T> output, T* delta, Targets<T> targets,
                     const T* scale, T* row_loss, std::size_t i0, std::size_t i1) {
  const bool is_softmax = output.activation == Activation::softmax;
  if (is_softmax && loss.family == LossFamily::cross_entropy) {
#if !defined(CHAINRULE_ONE_LANE)
    if (targets.labels && shape.columns <= panel<T>)
      return cross_entropy_of_labels<T>(shape, output, delta, targets, scale, row_loss, i0, i1);
#endif
    return softmax_cross_entropy<T>(shape, output, delta, targets, scale, row_loss, i0, i1);
  }
  if (is_softmax && loss.family == LossFamily::focal) {
    const T gamma = static_cast<T>(loss.parameter);
    return focal_of_classes<T>(shape, output, delta, targets, scale, row_loss, i0, i1, gamma);
  }
  if (is_softmax) softmax<T>(shape, output.z, output.g, output.small, i0, i1);
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
                  (i1 - i0) * width, output.small_delta);
    }
  }
  scale_rows<T>(row, delta, scale, output.small_delta, i0, i1);
}

// bend_of_delta: how delta of the output layer changes as z moves along Rz ----------------------------------

// f(row i, first number of line c, its targets) for all lines of rows i0 … i1
template <class T, class F>
CHAINRULE_INLINE void for_lines(Panels<T> shape, const Targets<T>& targets, std::size_t i0, std::size_t i1,
                                const F& f) {
  const Row<T> row(shape);
  for (std::size_t i = i0; i < i1; ++i)
    for (std::size_t c = 0; c < row.n_lines; ++c) f(i, row.at(i, c), target(row, targets, i, c));
}

// Ra in Rdelta becomes ∂²loss/∂a² ⊙ Ra; da = ∂loss/∂a
template <class T, class Entry>
void unit_bends(Panels<T> shape, const T* z, const T* a, T* Rdelta, T* da, Targets<T> targets, const Entry entry = {}) {
  for_lines<T>(shape, targets, 0, shape.rows, [=](std::size_t, std::size_t at, const Line<T>& y) CHAINRULE_LAMBDA {
    for (std::size_t k = 0; k < Line<T>::n; ++k) {
      const std::size_t j = at + k * lanes<T>;
      const Vector<T> a_j = load(a + j);
      store<T>(Rdelta + j, entry.dda(a_j, y.v[k]) * load(Rdelta + j));
      store<T>(da + j, entry.of(load(z + j), a_j, y.v[k]).derivative);
    }
  });
}

// Rdelta = bend ⊙ Rz, of a loss with its own delta
template <class T, class Entry>
void own_bends(Panels<T> shape, const T* z, const T* Rz, T* Rdelta, Targets<T> targets, const Entry entry = {}) {
  for_lines<T>(shape, targets, 0, shape.rows, [=](std::size_t, std::size_t at, const Line<T>& y) CHAINRULE_LAMBDA {
    for (std::size_t k = 0; k < Line<T>::n; ++k) {
      const std::size_t j = at + k * lanes<T>;
      store<T>(Rdelta + j, entry.bend(load(z + j), y.v[k]) * load(Rz + j));
    }
  });
}

// da: room for the rows; every array whole, rows 0 … n of a matrix of n rows
template <class T>
void bend_of_delta(const Loss& loss, Panels<T> shape, Activated<T> output, const T* Rz, T* Rdelta, T* da,
                   Targets<T> targets, const T* scale) {
  const T *z = output.z, *a = output.g;
  const std::size_t n = shape.rows, size = n_elements<T>(n, shape.columns);
  const Row<T> row(shape);
  const bool is_softmax = output.activation == Activation::softmax;
  const auto pull = [&](const T* from) {  // Rdelta = pullback(z, a, from)
    if (!is_softmax) return pullback<T>(output.activation, z, a, from, Rdelta, size, T(0));
    if (from != Rdelta) __builtin_memcpy(Rdelta, from, size * sizeof(T));
    softmax_pullback<T>(row, a, Rdelta, 0, n);
  };
  if (loss.family == LossFamily::poisson && output.activation == Activation::softplus) {
    own_bends<T, PoissonOfSoftplus<T>>(shape, z, Rz, Rdelta, targets);
  } else if (loss.family == LossFamily::focal && is_softmax) {
    change_of_focal<T>(shape, output, Rz, Rdelta, da, targets, static_cast<T>(loss.parameter));
  } else if (loss.family == LossFamily::focal) {
    own_bends<T, FocalOfLabels<T>>(shape, z, Rz, Rdelta, targets, {static_cast<T>(loss.parameter)});
  } else if (loss.family == LossFamily::gaussian) {
    heads_bend<T>(shape, a, Rz, Rdelta, targets, Gaussian<T>{});
  } else if (loss.family == LossFamily::intervals) {
    heads_bend<T>(shape, a, Rz, Rdelta, targets, Intervals<T>{loss});
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
        unit_bends<T, Quantile<T>>(shape, z, a, Rdelta, da, targets, quantile_of<T>(loss.parameter));
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
  scale_rows<T>(row, Rdelta, scale, T(0), 0, n);
}

}  // namespace
}  // namespace chainrule
