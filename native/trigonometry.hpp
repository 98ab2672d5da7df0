// sine and cosine as polynomials, the same bits on every instruction set. Accurate to a few ulp of 1 while |x| is below
// about 1e5 (float) or 1e9 (double); beyond, some number of -1 … 1. NaN goes through, an infinity becomes NaN.
#pragma once

#include "elementary.hpp"

namespace chainrule {
namespace {

template <class T> struct Turns;
template <> struct Turns<float> {
  static constexpr float quarter_inverse = 0.636619772f;
  static constexpr float quarter[] = {1.57079637f, -4.37113883e-8f, -1.71512451e-15f};  // they add up to π/2
};
template <> struct Turns<double> {
  static constexpr double quarter_inverse = 0.63661977236758134308;
  static constexpr double quarter[] = {1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33};
};

// The first coefficients of (sin(r)/r − 1)/r² and (cos(r) − 1)/r² in r², for |r| ≤ π/4
template <class T>
constexpr T of_sine[] = {T(-1.0 / 6),        T(1.0 / 120),          T(-1.0 / 5040),           T(1.0 / 362880),
                         T(-1.0 / 39916800), T(1.0 / 6227020800.0), T(-1.0 / 1307674368000.0)};
template <class T>
constexpr T of_cosine[] = {T(-1.0 / 2),       T(1.0 / 24),          T(-1.0 / 720),           T(1.0 / 40320),
                           T(-1.0 / 3628800), T(1.0 / 479001600.0), T(-1.0 / 87178291200.0), T(1.0 / 20922789888000.0)};

template <class T> struct SineCosine {
  Vector<T> sine, cosine;
};
template <class T> CHAINRULE_INLINE SineCosine<T> sine_cosine(Vector<T> x) {
  const Whole<T> n = whole_of_product<T>(x, Turns<T>::quarter_inverse);
  Vector<T> r = x;
  for (const T part : Turns<T>::quarter) r = fma_(-n.v, broadcast<T>(part), r);
  r = at_least<T>(at_most<T>(r, T(1)), T(-1));
  const Vector<T> square = r * r;
  const Vector<T> s = fma_(r * square, polynomial<T>(square, of_sine<T>), r);
  const Vector<T> c = fma_(square, polynomial<T>(square, of_cosine<T>), broadcast<T>(1));
  const Integers<T> one = broadcast_integer<T>(1), two = broadcast_integer<T>(2);
  const auto odd = (n.i & one) == one;
  const Vector<T> sine = odd ? c : s, cosine = odd ? s : c;
  return {(n.i & two) == two ? -sine : sine, ((n.i + one) & two) == two ? -cosine : cosine};
}

}  // namespace
}  // namespace chainrule
