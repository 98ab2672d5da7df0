// Sums over the units of a row, in one order for every vector width. Infrastructure without mathematics.
//
// A sum runs over 64-byte lines: one sum for each number of a line, then the tree 8, 4, 2, 1 (4, 2, 1 in
// double).
#pragma once

#include "panels.hpp"
#include "simd.hpp"

namespace chainrule {
namespace {

template <class T> struct Line {
  static constexpr std::size_t n = chunk<T> / lanes<T>;
  Vector<T> v[n];
};

template <class T> CHAINRULE_INLINE Line<T> line_of(T x) {
  Line<T> l;
  for (std::size_t k = 0; k < Line<T>::n; ++k) l.v[k] = broadcast<T>(x);
  return l;
}
template <class T> CHAINRULE_INLINE Line<T> load_line(const T* p) {
  Line<T> l;
  for (std::size_t k = 0; k < Line<T>::n; ++k) l.v[k] = load(p + k * lanes<T>);
  return l;
}
template <class T> CHAINRULE_INLINE void store_line(T* p, const Line<T>& l) {
  for (std::size_t k = 0; k < Line<T>::n; ++k) store<T>(p + k * lanes<T>, l.v[k]);
}

#if !defined(CHAINRULE_ONE_LANE)
template <class T, std::size_t distance, std::size_t... k>
CHAINRULE_INLINE Vector<T> exchanged(Vector<T> x, Sequence<k...>) {
  return __builtin_shufflevector(x, x, (k ^ distance)...);
}
#endif

// Folds a line by the tree; `join` is commutative, so every lane holds the same bits at the end.
template <class T, class Join> CHAINRULE_INLINE T fold(Line<T> l, const Join& join) {
  for (std::size_t half = Line<T>::n / 2; half > 0; half /= 2)
    for (std::size_t k = 0; k < half; ++k) l.v[k] = join(l.v[k], l.v[k + half]);
#if defined(CHAINRULE_ONE_LANE)
  return l.v[0];
#else
  Vector<T> x = l.v[0];
  if constexpr (lanes<T> > 8) x = join(x, exchanged<T, 8>(x, Numbers<lanes<T>>()));
  if constexpr (lanes<T> > 4) x = join(x, exchanged<T, 4>(x, Numbers<lanes<T>>()));
  if constexpr (lanes<T> > 2) x = join(x, exchanged<T, 2>(x, Numbers<lanes<T>>()));
  x = join(x, exchanged<T, 1>(x, Numbers<lanes<T>>()));
  return x[0];
#endif
}
template <class T> CHAINRULE_INLINE T sum(const Line<T>& l) {
  return fold<T>(l, [](Vector<T> x, Vector<T> y) { return x + y; });
}
template <class T> CHAINRULE_INLINE T largest(const Line<T>& l) {
  return fold<T>(l, [](Vector<T> x, Vector<T> y) { return x > y ? x : y; });
}

// What a row kernel needs to know about a matrix. With `lines` given (of one panel at most) a row stays in
// registers throughout; 0 means any number.
template <class T, std::size_t lines = 0> struct Row {
  Panels<T> shape;
  std::size_t n_lines;
  Integers<T> numbers[Line<T>::n];  // 0, 1, … of a line

  CHAINRULE_INLINE explicit Row(Panels<T> s)
      : shape(s), n_lines(lines ? lines : padded_columns<T>(s.columns) / chunk<T>) {
    for (std::size_t k = 0; k < Line<T>::n; ++k)
      numbers[k] = lane_numbers<T>() + broadcast_integer<T>(static_cast<Word<T>>(k * lanes<T>));
  }
  CHAINRULE_INLINE std::size_t at(std::size_t i, std::size_t c) const {
    return lines ? (i * lines + c) * chunk<T> : line_start<T>(shape.rows, shape.columns, i, c);
  }
  // x where the column exists, `outside` in the padding of the last line
  CHAINRULE_INLINE Line<T> inside(Line<T> x, std::size_t c, T outside) const {
    if (lines != 1 && c + 1 < n_lines) return x;
    const Integers<T> end = broadcast_integer<T>(static_cast<Word<T>>(shape.columns - c * chunk<T>));
    for (std::size_t k = 0; k < Line<T>::n; ++k) x.v[k] = numbers[k] < end ? x.v[k] : broadcast<T>(outside);
    return x;
  }
};

}  // namespace
}  // namespace chainrule
