// Mirrors reference/losses.py: the losses that act on each output alone, for one output.
#pragma once

#include "activations.hpp"
#include "kernels.hpp"

namespace chainrule {
namespace {

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
  static CHAINRULE_INLINE Unit<T> of(Vector<T> z, Vector<T> a, Vector<T> y) { return {softplus_<T>(z) - y * z, a - y}; }
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
template <class T> CHAINRULE_INLINE Quantile<T> quantile_of(double level) {
  return {static_cast<T>(level), static_cast<T>(1 - level)};
}

}  // namespace
}  // namespace chainrule
