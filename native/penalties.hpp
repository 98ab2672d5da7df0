// Mirrors reference/penalties.py: what is added to a gradient before the update, and the dropout mask.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace chainrule {
namespace {

// g + l2·W + l1·sign(W), each term only where its factor is not 0; the same in the fused update and in a recorded step
template <class T> CHAINRULE_INLINE Vector<T> with_l2(Vector<T> g, Vector<T> w, T l2) {
  return fma_(broadcast<T>(l2), w, g);
}
template <class T> CHAINRULE_INLINE Vector<T> with_l1(Vector<T> g, Vector<T> w, T l1) {
  const Vector<T> zero = broadcast<T>(0), size = broadcast<T>(l1);
  return g + (w > zero ? size : (w < zero ? -size : zero));
}

template <class T> void penalise(T* gradient, const T* W, const Rule<T>* rule, std::size_t n) {
  const T l2 = rule->l2, l1 = rule->l1;
  if (l2 == 0 && l1 == 0) return;
  for (std::size_t i = 0; i < n; i += lanes<T>) {
    const Vector<T> w = load(W + i);
    Vector<T> g = load(gradient + i);
    if (l2 != 0) g = with_l2<T>(g, w, l2);
    if (l1 != 0) g = with_l1<T>(g, w, l1);
    store<T>(gradient + i, g);
  }
}

// Σ x² in double, in an order that depends on n alone: eight sums side by side, then a tree.
template <class T> double sum_of_squares(const T* x, std::size_t n) {
  double sums[8] = {};
  for (std::size_t i = 0; i < n; i += 8)
    for (std::size_t k = 0; k < 8; ++k) {
      const double wide = static_cast<double>(x[i + k]);
      sums[k] = sums[k] + wide * wide;
    }
  for (std::size_t half = 4; half > 0; half /= 2)
    for (std::size_t k = 0; k < half; ++k) sums[k] = sums[k] + sums[k + half];
  return sums[0];
}

}  // namespace
}  // namespace chainrule
