// exp, log, tanh, erf and their relatives as polynomials of our own, the same bits on every instruction
// set. float: at most 3 ulp; double: a few ulp. NaN and infinities go through. The polynomials are
// minimax fits made for this file (weighted least squares on Chebyshev points, 60 digits).
#pragma once

#include "simd.hpp"

namespace chainrule {
namespace {

template <class T> struct Terms;

template <> struct Terms<float> {
  static constexpr float magic = 12582912.0f;  // 1.5·2^23: adding it rounds to a whole number
  static constexpr int mantissa_bits = 23, exponent_bias = 127;
  static constexpr float log2_e = 1.44269504f, ln2_high = 0.693145751953125f, ln2_low = 1.42860682e-06f;
  static constexpr float exp_top = 89.0f, exp_bottom = -104.0f, expm1_bottom = -30.0f;
  static constexpr float erfc_top = 10.5f;
  static constexpr float largest = 3.40282347e+38f, smallest = 1.17549435e-38f;  // normal numbers
  static constexpr float exponential_top = 87.7228394f;                          // log(largest) - 1
  static constexpr float share_bottom = -77.0f;                                  // e^x is far from subnormal above
  static constexpr float sqrt_half = 0.707106781f;
  // (e^r - 1 - r) / r² for |r| ≤ ½ ln 2
  static constexpr float expm1[] = {0.5000000014f,   0.1666666676f,   0.04166645678f,
                                    0.008333284265f, 0.001393454427f, 0.0001990880036f};
  // (log((1+s)/(1-s)) - 2s) / s³ in s²
  static constexpr float log[] = {0.6666666654f, 0.400001304f, 0.2854988266f, 0.2335533024f};
  // erf(x)/x - 1 in x² for |x| ≤ 1
  static constexpr float erf[] = {0.1283791671f,   -0.3761263848f,    0.1128378275f,    -0.02686544572f,
                                  0.005221074598f, -0.0008484707367f, 0.0001127051489f, -9.680051988e-6f};
  // (1 + 2x)·e^(x²)·erfc(x) in (x - 4)/(x + 4) for 0.45 ≤ x ≤ erfc_top
  static constexpr float erfc[] = {1.232995117f,  -0.139621054f,   0.01537993229f, 0.06809398595f, -0.1010470815f,
                                   0.0937720764f, -0.06624121662f, 0.03699108359f, -0.0166249173f, 0.005236774824f};
};

template <> struct Terms<double> {
  static constexpr double magic = 6755399441055744.0;  // 1.5·2^52
  static constexpr int mantissa_bits = 52, exponent_bias = 1023;
  static constexpr double log2_e = 1.44269504088896340736, ln2_high = 0.6931471805592082091607153;
  static constexpr double ln2_low = 7.371002565167798902e-13;
  static constexpr double exp_top = 710.0, exp_bottom = -746.0, expm1_bottom = -45.0;
  static constexpr double erfc_top = 28.0;
  static constexpr double largest = 1.7976931348623157e+308, smallest = 2.2250738585072014e-308;
  static constexpr double exponential_top = 708.782712893384;
  static constexpr double share_bottom = -698.0;
  static constexpr double sqrt_half = 0.70710678118654752440;
  static constexpr double expm1[] = {0.5,
                                     0.1666666666666666667,
                                     0.04166666666666667782,
                                     0.008333333333333336335,
                                     0.001388888888887826834,
                                     0.0001984126984125244273,
                                     0.00002480158733856674506,
                                     2.755731926788533299e-6,
                                     2.755726102804005641e-7,
                                     2.505205388269409978e-8,
                                     2.091896226297856045e-9,
                                     1.609184028791338576e-10};
  static constexpr double log[] = {0.6666666666666666643, 0.4000000000000102028, 0.2857142857071753725,
                                   0.2222222241089214078, 0.181817936233944661,  0.1538634776200108507,
                                   0.1326592010101257199, 0.131160599384151207};
  static constexpr double erf[] = {0.1283791670955125739,    -0.3761263890318375238,     0.1128379167095512036,
                                   -0.02686617064512986785,  0.005223977625423607199,    -0.0008548327021955821544,
                                   0.0001205533290380425979, -0.00001492564759426807829, 1.646204597621450717e-6,
                                   -1.636464949498262463e-7, 1.479246914762320721e-8,    -1.216496579200369265e-9,
                                   8.710455966379778149e-11, -4.233115758107005701e-12};
  static constexpr double erfc[] = {
      1.23299511862555251,      -0.1396211168405624844,     0.01537965210261972286,     0.06809705425468837055,
      -0.1010390660363016831,   0.09373283499853570569,     -0.06633036581231627644,    0.03716751553379910257,
      -0.01619773405614942399,  0.005031970018240015414,    -0.0007577733037294934233,  -0.0001992569620009014888,
      0.0001506217608549015694, -0.00002439807623006867402, -0.00001122233795225219897, 5.706551822523696449e-6,
      2.945321667230601372e-7,  -8.196078699817370593e-7,   7.358730293695191192e-8,    1.033495504636576536e-7,
      -1.707522040499985335e-8, -9.688361312293711336e-9,   1.550882823183199155e-9};
};

// c[0] + c[1]·x + c[2]·x² + …, by Horner's rule with one rounding a term
template <class T, std::size_t n> CHAINRULE_INLINE Vector<T> polynomial(Vector<T> x, const T (&c)[n]) {
  Vector<T> sum = broadcast<T>(c[n - 1]);
  CHAINRULE_UNROLL
  for (std::size_t k = 2; k <= n; ++k) sum = fma_(sum, x, broadcast<T>(c[n - k]));
  return sum;
}

// 2^n for whole n of the normal range
template <class T> CHAINRULE_INLINE Vector<T> power_of_two(Integers<T> n) {
  return from_bits<T>((n + broadcast_integer<T>(Terms<T>::exponent_bias)) << Terms<T>::mantissa_bits);
}

// x rounded to a whole number, as an integer and as x's own type; |x| < 2^22
template <class T> struct Whole {
  Integers<T> i;
  Vector<T> v;
};
template <class T> CHAINRULE_INLINE Whole<T> whole_of_product(Vector<T> x, T factor) {
  const Vector<T> magic = broadcast<T>(Terms<T>::magic);
  const Vector<T> t = fma_(x, broadcast<T>(factor), magic);
  return {bits<T>(t) - bits<T>(magic), t - magic};
}

// x = n·ln 2 + r with |r| ≤ ½ ln 2, and e^r - 1
template <class T> struct Reduced {
  Whole<T> n;
  Vector<T> expm1_r;
};
template <class T> CHAINRULE_INLINE Reduced<T> reduce(Vector<T> x) {
  const Whole<T> n = whole_of_product<T>(x, Terms<T>::log2_e);
  Vector<T> r = fma_(-n.v, broadcast<T>(Terms<T>::ln2_high), x);
  r = fma_(-n.v, broadcast<T>(Terms<T>::ln2_low), r);
  return {n, fma_(r * r, polynomial<T>(r, Terms<T>::expm1), r)};
}

template <class T> CHAINRULE_INLINE Vector<T> exp_(Vector<T> x) {
  const Reduced<T> p = reduce<T>(at_least<T>(at_most<T>(x, Terms<T>::exp_top), Terms<T>::exp_bottom));
  // 2^n in two factors: n reaches beyond the normal range at both ends
  const Integers<T> half = whole_of_product<T>(p.n.v, T(0.5)).i;
  return (broadcast<T>(1) + p.expm1_r) * power_of_two<T>(half) * power_of_two<T>(p.n.i - half);
}

template <class T> CHAINRULE_INLINE Vector<T> expm1_(Vector<T> x) {
  const Reduced<T> p = reduce<T>(at_least<T>(at_most<T>(x, Terms<T>::exp_top), Terms<T>::expm1_bottom));
  const Vector<T> s = power_of_two<T>(p.n.i - broadcast_integer<T>(1));  // ½·2^n: 2^128 is not a float
  return broadcast<T>(2) * fma_(s, p.expm1_r, s - broadcast<T>(T(0.5)));
}

// log((1 + f)·2^k) for √½ ≤ 1 + f < √2
template <class T> CHAINRULE_INLINE Vector<T> log_of_parts(Vector<T> f, Vector<T> k) {
  const Vector<T> s = f / (broadcast<T>(2) + f), square = s * s;
  const Vector<T> half_f2 = broadcast<T>(T(0.5)) * f * f;
  const Vector<T> tail = s * (half_f2 + square * polynomial<T>(square, Terms<T>::log));
  return fma_(k, broadcast<T>(Terms<T>::ln2_high), f - (half_f2 - fma_(k, broadcast<T>(Terms<T>::ln2_low), tail)));
}

template <class T> CHAINRULE_INLINE Vector<T> log_(Vector<T> x) {
  using W = Word<T>;
  constexpr int m = Terms<T>::mantissa_bits;
  constexpr W one = W(Terms<T>::exponent_bias) << m;
  constexpr W root = __builtin_bit_cast(W, Terms<T>::sqrt_half);
  const auto tiny = x < broadcast<T>(Terms<T>::smallest);  // below the normal range: times 2^m
  const Vector<T> scaled = tiny ? x * broadcast<T>(T(W(1) << m)) : x;
  const Integers<T> i = wrapping_sum<T>(bits<T>(scaled), broadcast_integer<T>(one - root));  // wraps for NaN
  const Vector<T> magic = broadcast<T>(Terms<T>::magic);
  Vector<T> k = from_bits<T>((i >> m) + bits<T>(magic)) - broadcast<T>(Terms<T>::magic + T(Terms<T>::exponent_bias));
  k = tiny ? k - broadcast<T>(T(m)) : k;
  const Vector<T> mantissa = from_bits<T>((i & broadcast_integer<T>((W(1) << m) - 1)) + broadcast_integer<T>(root));
  const Vector<T> result = log_of_parts<T>(mantissa - broadcast<T>(1), k);
  const Vector<T> infinity = broadcast<T>(T(__builtin_inf()));
  const Vector<T> edge = x == broadcast<T>(0) ? -infinity : x + (x - x);  // inf stays inf below, NaN stays NaN
  const Vector<T> upper = x > broadcast<T>(Terms<T>::largest) ? x : result;
  return x > broadcast<T>(0) ? upper : (x < broadcast<T>(0) ? broadcast<T>(T(__builtin_nan(""))) : edge);
}

// log(1 + x) for 0 ≤ x ≤ 1
template <class T> CHAINRULE_INLINE Vector<T> log1p_of_unit(Vector<T> x) {
  const auto upper = x > broadcast<T>(T(0.41421356));
  const Vector<T> f = upper ? (x - broadcast<T>(1)) * broadcast<T>(T(0.5)) : x;
  return log_of_parts<T>(f, upper ? broadcast<T>(1) : broadcast<T>(0));
}

template <class T> CHAINRULE_INLINE Vector<T> tanh_(Vector<T> x) {
  const Vector<T> t = expm1_<T>(broadcast<T>(-2) * absolute<T>(x));
  const Vector<T> size = -t / (t + broadcast<T>(2));
  constexpr Word<T> sign = Word<T>(1) << (8 * sizeof(T) - 1);
  return from_bits<T>(bits<T>(absolute<T>(size)) | (bits<T>(x) & broadcast_integer<T>(sign)));
}

template <class T> CHAINRULE_INLINE Vector<T> sigmoid_(Vector<T> x) {
  const Vector<T> one = broadcast<T>(1), e = exp_<T>(-absolute<T>(x));
  return (x >= broadcast<T>(0) ? one : e) / (one + e);
}

template <class T> CHAINRULE_INLINE Vector<T> softplus_(Vector<T> x) {
  return (x > broadcast<T>(0) ? x : broadcast<T>(0)) + log1p_of_unit<T>(exp_<T>(-absolute<T>(x)));
}

template <class T> CHAINRULE_INLINE Vector<T> erf_near(Vector<T> x) {  // |x| ≤ 1
  return fma_(x, polynomial<T>(x * x, Terms<T>::erf), x);
}
// erfc(x) for x ≥ 0.45, given x² = square + rest: the rounding of x² would cost digits in the tail
template <class T> CHAINRULE_INLINE Vector<T> erfc_far(Vector<T> x, Vector<T> square, Vector<T> rest) {
  x = at_most<T>(x, Terms<T>::erfc_top);
  const Vector<T> q = (x - broadcast<T>(4)) / (x + broadcast<T>(4));
  Vector<T> e = exp_<T>(-square);
  e = fma_(-e, rest, e);
  return e * (polynomial<T>(q, Terms<T>::erfc) / fma_(broadcast<T>(2), x, broadcast<T>(1)));
}

template <class T> CHAINRULE_INLINE Vector<T> erf_(Vector<T> x) {
  const Vector<T> size = at_most<T>(absolute<T>(x), Terms<T>::erfc_top), square = size * size;
  const Vector<T> far = broadcast<T>(1) - erfc_far<T>(size, square, fma_(size, size, -square));
  return size > broadcast<T>(1) ? (x < broadcast<T>(0) ? -far : far) : erf_near<T>(x);
}

// Φ(x) = ½·erfc(-x/√2), with its digits in the left tail
template <class T> CHAINRULE_INLINE Vector<T> normal_distribution(Vector<T> x) {
  const Vector<T> half = broadcast<T>(T(0.5)), size = at_most<T>(absolute<T>(x), T(2) * Terms<T>::erfc_top);
  const Vector<T> square = size * size, rest = fma_(size, size, -square);
  const Vector<T> tail = half * erfc_far<T>(size * broadcast<T>(Terms<T>::sqrt_half), half * square, half * rest);
  const Vector<T> far = x < broadcast<T>(0) ? tail : broadcast<T>(1) - tail;
  const Vector<T> near = fma_(half, erf_near<T>(x * broadcast<T>(Terms<T>::sqrt_half)), half);
  return size > broadcast<T>(T(0.7)) ? far : near;
}

}  // namespace
}  // namespace chainrule
