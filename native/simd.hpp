// Vectors of the instruction set this file is compiled for. Infrastructure without mathematics.
//
// Everything here and in every header that includes it sits in an unnamed namespace: the same names
// are compiled once for each instruction set, and a symbol that escaped with the wrong instructions
// in it could be linked into code that runs on an older processor.
//
// V is a vector of `lanes` numbers (the number itself where lanes is 1), I the same of signed integers
// of equal width. Plain operators and ?: act on both; only what they cannot say is a function below.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(CHAINRULE_AVX512) || defined(CHAINRULE_AVX2)
#include <immintrin.h>
#elif defined(CHAINRULE_NEON)
#include <arm_neon.h>
#elif defined(CHAINRULE_SCALAR) || defined(CHAINRULE_EMULATED)
#define CHAINRULE_ONE_LANE
#else
#error "name the instruction set: CHAINRULE_AVX512, _AVX2, _NEON, _SCALAR or _EMULATED"
#endif

#define CHAINRULE_INLINE inline __attribute__((always_inline))
#if defined(__clang__)
#define CHAINRULE_UNROLL _Pragma("unroll")
#else
#define CHAINRULE_UNROLL _Pragma("GCC unroll 32")
#endif

#define CHAINRULE_LAMBDA __attribute__((always_inline))

namespace chainrule {
namespace {

// 0, 1, …, n - 1 as a parameter pack; <utility> would bring functions with external linkage
template <std::size_t... k> struct Sequence {};
template <std::size_t n, std::size_t... k> struct MakeSequence : MakeSequence<n - 1, n - 1, k...> {};
template <std::size_t... k> struct MakeSequence<0, k...> {
  using Type = Sequence<k...>;
};
template <std::size_t n> using Numbers = typename MakeSequence<n>::Type;

#if defined(CHAINRULE_AVX512)
constexpr std::size_t vector_bytes = 64;
#elif defined(CHAINRULE_AVX2)
constexpr std::size_t vector_bytes = 32;
#elif defined(CHAINRULE_NEON)
constexpr std::size_t vector_bytes = 16;
#endif

template <class T> struct Simd;

#if defined(CHAINRULE_ONE_LANE)
template <> struct Simd<float> {
  using Word = std::int32_t;
  using V = float;
  using I = std::int32_t;
  using U = std::uint32_t;
  static constexpr std::size_t lanes = 1;
};
template <> struct Simd<double> {
  using Word = std::int64_t;
  using V = double;
  using I = std::int64_t;
  using U = std::uint64_t;
  static constexpr std::size_t lanes = 1;
};
#else
template <> struct Simd<float> {
  using Word = std::int32_t;
  typedef float V __attribute__((vector_size(vector_bytes), may_alias));
  typedef std::int32_t I __attribute__((vector_size(vector_bytes), may_alias));
  typedef std::uint32_t U __attribute__((vector_size(vector_bytes), may_alias));
  static constexpr std::size_t lanes = vector_bytes / sizeof(float);
};
template <> struct Simd<double> {
  using Word = std::int64_t;
  typedef double V __attribute__((vector_size(vector_bytes), may_alias));
  typedef std::int64_t I __attribute__((vector_size(vector_bytes), may_alias));
  typedef std::uint64_t U __attribute__((vector_size(vector_bytes), may_alias));
  static constexpr std::size_t lanes = vector_bytes / sizeof(double);
};
#endif

template <class T> using Vector = typename Simd<T>::V;
template <class T> using Integers = typename Simd<T>::I;
template <class T> constexpr std::size_t lanes = Simd<T>::lanes;
template <class T> using Word = typename Simd<T>::Word;

// loads and stores ---------------------------------------------------------------------------

template <class T> CHAINRULE_INLINE Vector<T> load(const T* p) {  // p aligned to the vector
  return *reinterpret_cast<const Vector<T>*>(p);
}
template <class T> CHAINRULE_INLINE Vector<T> load_unaligned(const T* p) {
  Vector<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class T> CHAINRULE_INLINE void store(T* p, Vector<T> v) { *reinterpret_cast<Vector<T>*>(p) = v; }

template <class T> CHAINRULE_INLINE void store_unaligned(T* p, Vector<T> v) { __builtin_memcpy(p, &v, sizeof v); }

template <class T> CHAINRULE_INLINE Vector<T> broadcast(T x) { return Vector<T>{} + x; }
template <class T> CHAINRULE_INLINE Integers<T> broadcast_integer(Word<T> x) { return Integers<T>{} + x; }
#if !defined(CHAINRULE_ONE_LANE)
// x + 0 would turn -0 into 0 and cost an addition; a vector of one number repeated does neither.
#if defined(CHAINRULE_AVX512)
template <> CHAINRULE_INLINE Vector<float> broadcast<float>(float x) { return (Vector<float>)_mm512_set1_ps(x); }
template <> CHAINRULE_INLINE Vector<double> broadcast<double>(double x) { return (Vector<double>)_mm512_set1_pd(x); }
#elif defined(CHAINRULE_AVX2)
template <> CHAINRULE_INLINE Vector<float> broadcast<float>(float x) { return (Vector<float>)_mm256_set1_ps(x); }
template <> CHAINRULE_INLINE Vector<double> broadcast<double>(double x) { return (Vector<double>)_mm256_set1_pd(x); }
#else
template <> CHAINRULE_INLINE Vector<float> broadcast<float>(float x) { return (Vector<float>)vdupq_n_f32(x); }
template <> CHAINRULE_INLINE Vector<double> broadcast<double>(double x) { return (Vector<double>)vdupq_n_f64(x); }
#endif
#else
template <> CHAINRULE_INLINE float broadcast<float>(float x) { return x; }
template <> CHAINRULE_INLINE double broadcast<double>(double x) { return x; }
#endif

// bits ---------------------------------------------------------------------------------------

template <class T> CHAINRULE_INLINE Integers<T> bits(Vector<T> v) { return __builtin_bit_cast(Integers<T>, v); }
template <class T> CHAINRULE_INLINE Vector<T> from_bits(Integers<T> i) { return __builtin_bit_cast(Vector<T>, i); }
// a + b of bit patterns, which may pass the largest integer: there signed numbers would be undefined
template <class T> CHAINRULE_INLINE Integers<T> wrapping_sum(Integers<T> a, Integers<T> b) {
  using U = typename Simd<T>::U;
  return __builtin_bit_cast(Integers<T>, __builtin_bit_cast(U, a) + __builtin_bit_cast(U, b));
}

// fused multiply-add and square root, both correctly rounded -----------------------------------------

#if defined(CHAINRULE_AVX512)
CHAINRULE_INLINE Vector<float> fma_(Vector<float> a, Vector<float> b, Vector<float> c) {
  return (Vector<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
CHAINRULE_INLINE Vector<double> fma_(Vector<double> a, Vector<double> b, Vector<double> c) {
  return (Vector<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
CHAINRULE_INLINE Vector<float> sqrt_(Vector<float> a) { return (Vector<float>)_mm512_maskz_sqrt_ps(0xFFFF, (__m512)a); }
CHAINRULE_INLINE Vector<double> sqrt_(Vector<double> a) {
  return (Vector<double>)_mm512_maskz_sqrt_pd(0xFF, (__m512d)a);
}
#elif defined(CHAINRULE_AVX2)
CHAINRULE_INLINE Vector<float> fma_(Vector<float> a, Vector<float> b, Vector<float> c) {
  return (Vector<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
CHAINRULE_INLINE Vector<double> fma_(Vector<double> a, Vector<double> b, Vector<double> c) {
  return (Vector<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
CHAINRULE_INLINE Vector<float> sqrt_(Vector<float> a) { return (Vector<float>)_mm256_sqrt_ps((__m256)a); }
CHAINRULE_INLINE Vector<double> sqrt_(Vector<double> a) { return (Vector<double>)_mm256_sqrt_pd((__m256d)a); }
#elif defined(CHAINRULE_NEON)
CHAINRULE_INLINE Vector<float> fma_(Vector<float> a, Vector<float> b, Vector<float> c) {
  return (Vector<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
CHAINRULE_INLINE Vector<double> fma_(Vector<double> a, Vector<double> b, Vector<double> c) {
  return (Vector<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
CHAINRULE_INLINE Vector<float> sqrt_(Vector<float> a) { return (Vector<float>)vsqrtq_f32((float32x4_t)a); }
CHAINRULE_INLINE Vector<double> sqrt_(Vector<double> a) { return (Vector<double>)vsqrtq_f64((float64x2_t)a); }
#elif defined(CHAINRULE_SCALAR)
CHAINRULE_INLINE float fma_(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
CHAINRULE_INLINE double fma_(double a, double b, double c) { return __builtin_fma(a, b, c); }
CHAINRULE_INLINE float sqrt_(float a) { return __builtin_sqrtf(a); }
CHAINRULE_INLINE double sqrt_(double a) { return __builtin_sqrt(a); }
#else
// Without the instruction: the product is exact in double, the sum is rounded to odd there (the lost
// part only sets the last bit), and rounding that to float is then correct. For infinities, NaN and
// sums whose error term is not finite the double result already is the answer.
CHAINRULE_INLINE float fma_(float a, float b, float c) {
  const double product = static_cast<double>(a) * b;
  const double sum = product + c;
  const double of_c = sum - product;
  const double error = (product - (sum - of_c)) + (c - of_c);
  std::int64_t word = __builtin_bit_cast(std::int64_t, sum);
  const bool inexact = error < 0 || error > 0;
  if (inexact && (word & 1) == 0) word += ((error > 0) == (sum > 0)) ? 1 : -1;
  return static_cast<float>(__builtin_bit_cast(double, word));
}
CHAINRULE_INLINE double fma_(double a, double b, double c) { return __builtin_fma(a, b, c); }
CHAINRULE_INLINE float sqrt_(float a) { return __builtin_sqrtf(a); }
CHAINRULE_INLINE double sqrt_(double a) { return __builtin_sqrt(a); }
#endif

// one number, with the rounding of a vector's lane
template <class T> CHAINRULE_INLINE T fma_of_one(T a, T b, T c) {
#if defined(CHAINRULE_ONE_LANE)
  return fma_(a, b, c);
#else
  return static_cast<T>(sizeof(T) == 4 ? __builtin_fmaf(a, b, c) : __builtin_fma(a, b, c));
#endif
}

// half a vector: where a product is that narrow it costs half as much ---------------------------------

#if defined(CHAINRULE_AVX512)
template <class T> struct Halved {
  typedef T V __attribute__((vector_size(vector_bytes / 2), may_alias));
};
template <class T> using Half = typename Halved<T>::V;
template <class T> CHAINRULE_INLINE Half<T> load_half(const T* p) { return *reinterpret_cast<const Half<T>*>(p); }
CHAINRULE_INLINE Half<float> half_of(float x) { return (Half<float>)_mm256_set1_ps(x); }
CHAINRULE_INLINE Half<double> half_of(double x) { return (Half<double>)_mm256_set1_pd(x); }
template <class V, std::size_t... k> CHAINRULE_INLINE auto first_of(V a, V b, Sequence<k...>) {
  return __builtin_shufflevector(a, b, k...);
}
template <class T> CHAINRULE_INLINE Half<T> lower_half(Vector<T> a) { return first_of(a, a, Numbers<lanes<T> / 2>()); }
// 0 in the upper half
template <class T> CHAINRULE_INLINE Vector<T> widened(Half<T> a) { return first_of(a, Half<T>{}, Numbers<lanes<T>>()); }
CHAINRULE_INLINE Half<float> fma_(Half<float> a, Half<float> b, Half<float> c) {
  return (Half<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
CHAINRULE_INLINE Half<double> fma_(Half<double> a, Half<double> b, Half<double> c) {
  return (Half<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
#endif

// selections: written so that NaN propagates -------------------------------------------------------

template <class T> CHAINRULE_INLINE Vector<T> at_most(Vector<T> x, T top) {
  return x > broadcast<T>(top) ? broadcast<T>(top) : x;
}
template <class T> CHAINRULE_INLINE Vector<T> at_least(Vector<T> x, T bottom) {
  return x < broadcast<T>(bottom) ? broadcast<T>(bottom) : x;
}
template <class T> CHAINRULE_INLINE Vector<T> absolute(Vector<T> x) {
  constexpr Word<T> sign_off = ~(Word<T>(1) << (8 * sizeof(T) - 1));
  return from_bits<T>(bits<T>(x) & broadcast_integer<T>(sign_off));
}

// 0 where |x| < small (docs/notation.md, small numbers); NaN goes through, and everything does where small is 0
template <class T> CHAINRULE_INLINE Vector<T> without_small(Vector<T> x, Vector<T> small) {
  return absolute<T>(x) < small ? broadcast<T>(0) : x;
}

// 0, 1, 2, … in the lanes
template <class T> CHAINRULE_INLINE Integers<T> lane_numbers() {
#if defined(CHAINRULE_ONE_LANE)
  return 0;
#else
  Integers<T> i{};
  for (std::size_t k = 0; k < lanes<T>; ++k) i[k] = static_cast<Word<T>>(k);
  return i;
#endif
}

}  // namespace
}  // namespace chainrule
