// Mirrors reference/interval_losses.py: losses of targets with several heads, on identity outputs. Vectors run along
// the rows, so that every operation acts on the heads of one target in each lane.
#pragma once

#include "heads.hpp"
#include "unit_losses.hpp"

namespace chainrule {
namespace {

// The loss of the point forecast: of(p, p, y) and dda of another family.
template <class T> CHAINRULE_INLINE Unit<T> point_loss(const Loss& loss, Vector<T> p, Vector<T> y) {
  switch (loss.point) {
    case LossFamily::absolute_error: return AbsoluteError<T>::of(p, p, y);
    case LossFamily::huber: return Huber<T>::of(p, p, y);
    case LossFamily::quantile: return quantile_of<T>(loss.parameter).of(p, p, y);
    default: return SquaredError<T>::of(p, p, y);
  }
}
template <class T> CHAINRULE_INLINE Vector<T> point_dda(const Loss& loss, Vector<T> p, Vector<T> y) {
  switch (loss.point) {
    case LossFamily::absolute_error:
    case LossFamily::quantile: return broadcast<T>(0);
    case LossFamily::huber: return Huber<T>::dda(p, y);
    default: return broadcast<T>(1);
  }
}

// of: the loss of a target, and ∂loss/∂a of its heads; R_da: how that changes as a moves along Ra
template <class T> struct Intervals {
  const Loss& loss;
  std::size_t n_heads() const { return 1 + loss.n_levels; }

  // value, ∂loss/∂q of every level, and its sum
  CHAINRULE_INLINE Unit<T> pull(const Vector<T>* a, Vector<T> y, Vector<T>* pulls) const {
    Vector<T> q[most_heads];
    ordered_quantiles<T>(loss, a, q);
    Unit<T> all = {broadcast<T>(0), broadcast<T>(0)};
    for (std::size_t k = 1; k <= loss.n_levels; ++k) {
      const Unit<T> u = quantile_of<T>(loss.levels[k - 1]).of(q[k], q[k], y);
      all.loss = all.loss + u.loss;
      all.derivative = all.derivative + u.derivative;
      pulls[k] = u.derivative;
    }
    return all;
  }
  // pulls become ∂loss/∂softplus(s): a head moves its own level and all further ones outward, down or up
  CHAINRULE_INLINE void outer_sums(Vector<T>* pulls) const {
    Vector<T> total = broadcast<T>(0);
    for (std::size_t k = 1; k <= loss.n_below; ++k) {
      total = total + pulls[k];
      pulls[k] = -total;
    }
    total = broadcast<T>(0);
    for (std::size_t k = loss.n_levels; k > loss.n_below; --k) pulls[k] = total = total + pulls[k];
  }

  CHAINRULE_INLINE Vector<T> of(const Vector<T>* a, Vector<T> y, Vector<T>* d) const {
    const Unit<T> levels = pull(a, y, d), point = point_loss<T>(loss, a[0], y);
    outer_sums(d);
    for (std::size_t k = 1; k <= loss.n_levels; ++k) d[k] = d[k] * sigmoid_<T>(a[k]);
    d[0] = point.derivative + levels.derivative;
    return point.loss + levels.loss;
  }
  CHAINRULE_INLINE void R_da(const Vector<T>* a, Vector<T> y, const Vector<T>* Ra, Vector<T>* R) const {
    pull(a, y, R);
    outer_sums(R);
    for (std::size_t k = 1; k <= loss.n_levels; ++k) {
      const Vector<T> s = sigmoid_<T>(a[k]);
      R[k] = R[k] * (s * (broadcast<T>(1) - s)) * Ra[k];
    }
    R[0] = point_dda<T>(loss, a[0], y) * Ra[0];
  }
};

template <class T> struct Gaussian {
  static constexpr T half_log_2_pi = T(0.9189385332046727);
  static constexpr std::size_t n_heads() { return 2; }

  static CHAINRULE_INLINE Vector<T> of(const Vector<T>* a, Vector<T> y, Vector<T>* d) {
    const Vector<T> sigma = standard_deviation<T>(a[1]), u = (a[0] - y) / sigma, one = broadcast<T>(1);
    d[0] = u / sigma;
    d[1] = (one - u * u) / sigma * sigmoid_<T>(a[1]);
    return broadcast<T>(T(0.5)) * (u * u) + log_<T>(sigma) + broadcast<T>(half_log_2_pi);
  }
  static CHAINRULE_INLINE void R_da(const Vector<T>* a, Vector<T> y, const Vector<T>* Ra, Vector<T>* R) {
    const Vector<T> sigma = standard_deviation<T>(a[1]), slope = sigmoid_<T>(a[1]), one = broadcast<T>(1);
    const Vector<T> u = (a[0] - y) / sigma, Rsigma = slope * Ra[1], Ru = (Ra[0] - u * Rsigma) / sigma;
    const Vector<T> by_sigma = (one - u * u) / sigma;
    R[0] = (Ru - u / sigma * Rsigma) / sigma;
    const Vector<T> R_by_sigma = (broadcast<T>(-2) * u * Ru - by_sigma * Rsigma) / sigma;
    R[1] = R_by_sigma * slope + by_sigma * (one - slope) * Rsigma;
  }
};

// The heads of one target for a line of rows.
template <class T> struct HeadsOfRows {
  alignas(64) T a[most_heads][chunk<T>] = {};
  alignas(64) T out[most_heads][chunk<T>] = {};
  alignas(64) T along[most_heads][chunk<T>] = {};
  alignas(64) T y[chunk<T>] = {};
};

template <class T, class Entry>
void heads_loss(Panels<T> shape, const T* a, T* delta, Targets<T> targets, T* row_loss, std::size_t i0, std::size_t i1,
                const Entry& entry) {
  const std::size_t n = entry.n_heads(), n_lines = padded_columns<T>(shape.columns) / chunk<T>;
  HeadsOfRows<T> v;
  for (std::size_t b = i0; b < i1; b += chunk<T>) {
    const std::size_t m = i1 - b < chunk<T> ? i1 - b : chunk<T>;
    alignas(64) T total[chunk<T>] = {};
    for (std::size_t i = 0; delta && i < m; ++i)
      for (std::size_t c = 0; c < n_lines; ++c)
        store_line(delta + line_start<T>(shape.rows, shape.columns, b + i, c), line_of<T>(0));
    for (std::size_t t = 0; t < shape.columns; t += n) {
      for (std::size_t h = 0; h < n; ++h) take_column(shape, a, b, m, t + h, v.a[h]);
      take_column(shape, targets.y, b, m, t, v.y);
      for (std::size_t i = 0; i < m; i += lanes<T>) {
        Vector<T> heads[most_heads], d[most_heads];
        const Vector<T> y = load(v.y + i), zero = broadcast<T>(0);
        heads[0] = load(v.a[0] + i);
        for (std::size_t h = 1; h < n; ++h) heads[h] = load(v.a[h] + i);
        const Vector<T> loss = entry.of(heads, y, d);
        store<T>(total + i, load(total + i) + (y == y ? loss : zero));  // a missing target, NaN, does not count
        for (std::size_t h = 0; h < n; ++h) store<T>(v.out[h] + i, y == y ? d[h] : zero);
      }
      for (std::size_t h = 0; delta && h < n; ++h) put_column(shape, v.out[h], b, m, t + h, delta);
    }
    for (std::size_t i = 0; i < m; ++i) row_loss[b + i] = total[i];
  }
}

template <class T, class Entry>
void heads_bend(Panels<T> shape, const T* a, const T* Ra, T* Rdelta, Targets<T> targets, const Entry& entry) {
  const std::size_t n = entry.n_heads();
  HeadsOfRows<T> v;
  for (std::size_t b = 0; b < shape.rows; b += chunk<T>) {
    const std::size_t m = shape.rows - b < chunk<T> ? shape.rows - b : chunk<T>;
    for (std::size_t t = 0; t < shape.columns; t += n) {
      for (std::size_t h = 0; h < n; ++h) take_column(shape, a, b, m, t + h, v.a[h]);
      for (std::size_t h = 0; h < n; ++h) take_column(shape, Ra, b, m, t + h, v.along[h]);
      take_column(shape, targets.y, b, m, t, v.y);
      for (std::size_t i = 0; i < m; i += lanes<T>) {
        Vector<T> heads[most_heads], along[most_heads], R[most_heads];
        heads[0] = load(v.a[0] + i), along[0] = load(v.along[0] + i);
        for (std::size_t h = 1; h < n; ++h) heads[h] = load(v.a[h] + i), along[h] = load(v.along[h] + i);
        entry.R_da(heads, load(v.y + i), along, R);
        for (std::size_t h = 0; h < n; ++h) store<T>(v.out[h] + i, R[h]);
      }
      for (std::size_t h = 0; h < n; ++h) put_column(shape, v.out[h], b, m, t + h, Rdelta);
    }
  }
}

}  // namespace
}  // namespace chainrule
