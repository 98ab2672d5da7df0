// Mirrors reference/focal.py: cross-entropy with the factor (1 - a)^γ, on sigmoids and on softmax, γ > 0.
#pragma once

#include "softmax.hpp"
#include "unit_losses.hpp"

namespace chainrule {
namespace {

// p = σ(z), m = 1 - p = σ(-z), s = softplus(z) = -log m, t = softplus(-z) = -log p
template <class T> struct FocalOfLabels {
  T gamma;
  struct Shares {
    Vector<T> p, m, s, t, of_one, of_zero;  // m^γ and p^γ
  };
  CHAINRULE_INLINE Shares shares(Vector<T> z) const {
    const Vector<T> s = softplus_<T>(z), t = softplus_<T>(-z), g = broadcast<T>(-gamma);
    return {sigmoid_<T>(z), sigmoid_<T>(-z), s, t, exp_<T>(g * s), exp_<T>(g * t)};
  }
  CHAINRULE_INLINE Unit<T> of(Vector<T> z, Vector<T>, Vector<T> y) const {
    const Shares x = shares(z);
    const Vector<T> g = broadcast<T>(gamma), rest = broadcast<T>(1) - y;
    return {y * (x.of_one * x.t) + rest * (x.of_zero * x.s),
            rest * (x.of_zero * (x.p + g * x.m * x.s)) - y * (x.of_one * (x.m + g * x.p * x.t))};
  }
  // the derivative of delta
  CHAINRULE_INLINE Vector<T> bend(Vector<T> z, Vector<T> y) const {
    const Shares x = shares(z);
    const Vector<T> g = broadcast<T>(gamma), both = broadcast<T>(1 + 2 * gamma);
    return y * (x.of_one * x.p * (both * x.m + g * x.t * (g * x.p - x.m))) +
           (broadcast<T>(1) - y) * (x.of_zero * x.m * (both * x.p + g * x.s * (g * x.m - x.p)));
  }
};

// Of a class: l = log a, 1 - a, (1 - a)^γ, and a·l/(1 - a), which is -1 at a = 1
template <class T> struct ClassShare {
  Vector<T> l, rest, power, ratio;
};
template <class T> CHAINRULE_INLINE ClassShare<T> class_share(Vector<T> l, T gamma) {
  const Vector<T> zero = broadcast<T>(0), one = broadcast<T>(1), rest = -expm1_<T>(l);
  const Vector<T> divisor = rest > zero ? rest : one;
  return {l, rest, rest > zero ? exp_<T>(broadcast<T>(gamma) * log_<T>(divisor)) : zero,
          rest > zero ? exp_<T>(l) * l / divisor : -one};
}

// log Σ e^z of a row, whose largest z is `top`; a receives softmax(z)
template <class T>
CHAINRULE_INLINE T softmax_of_row(const Row<T>& row, const T* z, T* a, std::size_t i, T top, T small) {
  powers_of_row(row, z, a, i, top, bottom_of_shares<T>(small));
  const T total = sum_of_row(row, a, i);
  divide_row(row, a, i, total);
  alignas(64) T logarithm[lanes<T>];
  store<T>(logarithm, log_<T>(broadcast<T>(total)));
  return logarithm[0];
}
// l of line c
template <class T>
CHAINRULE_INLINE Line<T> logarithms(const Row<T>& row, const T* z, std::size_t i, std::size_t c, T top, T log_sum) {
  Line<T> l = row.inside(load_line(z + row.at(i, c)), c, top);
  for (std::size_t k = 0; k < Line<T>::n; ++k) l.v[k] = (l.v[k] - broadcast<T>(top)) - broadcast<T>(log_sum);
  return l;
}

// With c_j = y_j·a_j·∂/∂a_j -(1 - a_j)^γ·log a_j: delta_j = c_j - a_j·Σ_k c_k; scale null: only a and the losses
template <class T>
void focal_of_classes(Panels<T> shape, const Activated<T>& output, T* delta, Targets<T> targets, const T* scale,
                      T* row_loss, std::size_t i0, std::size_t i1, T gamma) {
  const Row<T> row(shape);
  const Vector<T> g = broadcast<T>(gamma), one = broadcast<T>(1), least = broadcast<T>(output.small_delta);
  T* const a = output.g;
  for (std::size_t i = i0; i < i1; ++i) {
    const T top = largest_of_row(row, output.z, i), log_sum = softmax_of_row(row, output.z, a, i, top, output.small);
    Line<T> losses = line_of<T>(0), parts = line_of<T>(0);
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const Line<T> l = logarithms(row, output.z, i, c, top, log_sum);
      const Line<T> y = row.inside(target(row, targets, i, c), c, 0);
      Line<T> part;
      for (std::size_t k = 0; k < Line<T>::n; ++k) {
        const ClassShare<T> x = class_share<T>(l.v[k], gamma);
        losses.v[k] = losses.v[k] - y.v[k] * (x.power * l.v[k]);
        part.v[k] = y.v[k] * (x.power * (g * x.ratio - one));
        parts.v[k] = parts.v[k] + part.v[k];
      }
      if (scale) store_line(delta + row.at(i, c), part);
    }
    row_loss[i] = sum<T>(losses);
    if (!scale) continue;
    const Vector<T> total = broadcast<T>(sum<T>(parts));
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      Line<T> d = load_line(delta + row.at(i, c));
      const Line<T> a_c = load_line(a + row.at(i, c));
      for (std::size_t k = 0; k < Line<T>::n; ++k)
        d.v[k] = without_small<T>(scaled<T>(d.v[k] - a_c.v[k] * total, scale[i]), least);
      store_line(delta + row.at(i, c), d);
    }
  }
}

// Rdelta = Rc - a·Rl·Σ c - a·Σ Rc with Rl = Rz - Σ a·Rz, Rc = y·γ·(1 - a)^(γ - 1)·a·(2 + l + (1 - γ)·r)·Rl; room: a row
template <class T>
void change_of_focal(Panels<T> shape, const Activated<T>& output, const T* Rz, T* Rdelta, T* room, Targets<T> targets,
                     T gamma) {
  const Row<T> row(shape);
  const Vector<T> g = broadcast<T>(gamma), one = broadcast<T>(1), two = broadcast<T>(2), zero = broadcast<T>(0);
  for (std::size_t i = 0; i < shape.rows; ++i) {
    const T top = largest_of_row(row, output.z, i), log_sum = softmax_of_row(row, output.z, room, i, top, T(0));
    Line<T> moved = line_of<T>(0), parts = moved, changes = moved;
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const Line<T> a = row.inside(load_line(output.g + row.at(i, c)), c, 0), R = load_line(Rz + row.at(i, c));
      for (std::size_t k = 0; k < Line<T>::n; ++k) moved.v[k] = fma_(a.v[k], R.v[k], moved.v[k]);
    }
    const Vector<T> mean = broadcast<T>(sum<T>(moved));
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      const Line<T> l = logarithms(row, output.z, i, c, top, log_sum), R = load_line(Rz + row.at(i, c));
      const Line<T> y = row.inside(target(row, targets, i, c), c, 0);
      Line<T> change;
      for (std::size_t k = 0; k < Line<T>::n; ++k) {
        const ClassShare<T> x = class_share<T>(l.v[k], gamma);
        const Vector<T> h = x.rest > zero ? x.power / x.rest : zero;
        const Vector<T> slope = g * h * exp_<T>(x.l) * (two + x.l + (one - g) * x.ratio);
        parts.v[k] = parts.v[k] + y.v[k] * (x.power * (g * x.ratio - one));
        change.v[k] = y.v[k] * slope * (R.v[k] - mean);
        changes.v[k] = changes.v[k] + change.v[k];
      }
      store_line(Rdelta + row.at(i, c), change);
    }
    const Vector<T> total = broadcast<T>(sum<T>(parts)), changed = broadcast<T>(sum<T>(changes));
    for (std::size_t c = 0; c < row.n_lines; ++c) {
      Line<T> d = load_line(Rdelta + row.at(i, c));
      const Line<T> a = load_line(output.g + row.at(i, c)), R = load_line(Rz + row.at(i, c));
      for (std::size_t k = 0; k < Line<T>::n; ++k)
        d.v[k] = d.v[k] - a.v[k] * (R.v[k] - mean) * total - a.v[k] * changed;
      store_line(Rdelta + row.at(i, c), d);
    }
  }
}

}  // namespace
}  // namespace chainrule
