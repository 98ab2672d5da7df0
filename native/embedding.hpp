// Mirrors reference/kinds/periodic.py, piecewise_linear.py and category.py: some columns become `size` numbers each,
// the others pass unchanged. Rows are split in both passes, embedded columns for the gradients.
#pragma once

#include "kernels.hpp"
#include "rows.hpp"
#include "trigonometry.hpp"

namespace chainrule {
namespace {

template <class T> CHAINRULE_INLINE std::size_t place_in(Panels<const T> m, std::size_t i, std::size_t c) {
  const std::size_t p = c / panel<T>;
  return panel_start<T>(m.rows, p) + i * panel_width<T>(m.columns, p) + c % panel<T>;
}

// The bin of a piecewise-linear code: how far x is through bin t, and the slope of that
template <class T> struct Bin {
  T code, slope;
};
template <class T> CHAINRULE_INLINE Bin<T> bin_of(const T* edges, std::size_t t, std::size_t n_bins, T x) {
  const T width = edges[t + 1] - edges[t], code = (x - edges[t]) / width;
  if (t > 0 && code < 0) return {0, 0};
  if (t + 1 < n_bins && !(code < 1)) return {code >= 1 ? T(1) : code, 0};
  return {code, T(1) / width};
}

// The row of the table of a code; n_rows of the column where the code is no level
template <class T> CHAINRULE_INLINE std::size_t level_of(T x, std::size_t n_levels) {
  if (!(x >= 0) || !(x < static_cast<T>(n_levels))) return n_levels;
  const auto level = static_cast<std::size_t>(x);
  return static_cast<T>(level) == x ? level : n_levels;
}

// Where the numbers kept of embedded column f begin, for row i
template <class T> struct Kept {
  const Embedding<T>& e;
  std::size_t rows;
  CHAINRULE_INLINE std::size_t wave(std::size_t f, std::size_t i) const { return (f * rows + i) * 2 * e.k_stride; }
  CHAINRULE_INLINE std::size_t dz(std::size_t f, std::size_t i) const { return (f * rows + i) * e.k_stride; }
  CHAINRULE_INLINE std::size_t de(std::size_t f, std::size_t i) const { return (f * rows + i) * e.d_stride; }
};

// phi of a row: [cos z | sin z], z = 2π·x·frequency + phase
template <class T>
CHAINRULE_INLINE void waves(const Embedding<T>& e, const EmbeddingTensors<T>& t, std::size_t f, T x, T* phi) {
  const Vector<T> turns = broadcast<T>(x * T(6.283185307179586));
  for (std::size_t k = 0; k < e.k_stride; k += lanes<T>) {
    const Vector<T> w = load(t.frequency + f * e.k_stride + k);
    const Vector<T> z = t.phase ? fma_(turns, w, load(t.phase + f * e.k_stride + k)) : turns * w;
    const SineCosine<T> both = sine_cosine<T>(z);
    store<T>(phi + k, both.cosine);
    store<T>(phi + e.k_stride + k, both.sine);
  }
}

// e of one column of a row: d numbers, a multiple of a cache line of them
template <class T>
CHAINRULE_INLINE void embed_one(const Embedding<T>& e, const EmbeddingTensors<T>& t, std::size_t f, T x, const T* phi,
                                T* out) {
  const std::size_t n_rows = e.begin[f + 1] - e.begin[f];
  const T* const mix = t.mix + e.begin[f] * e.d_stride;
  for (std::size_t c = 0; c < e.d_stride; c += lanes<T>) {
    Vector<T> sum = t.offset ? load(t.offset + f * e.d_stride + c) : broadcast<T>(0);
    const auto add = [&](T by, std::size_t r)
                         CHAINRULE_LAMBDA { sum = fma_(broadcast<T>(by), load(mix + r * e.d_stride + c), sum); };
    if (e.basis == Basis::piecewise_linear) {
      sum = fma_(broadcast<T>(x), load(t.slope + f * e.d_stride + c), sum);
      for (std::size_t r = 0; r < n_rows; ++r) add(bin_of<T>(e.edges + e.edge[f], r, n_rows, x).code, r);
    } else if (e.basis == Basis::category) {
      const std::size_t level = level_of<T>(x, n_rows);
      if (level < n_rows) sum = load(mix + level * e.d_stride + c);
    } else {
      for (std::size_t r = 0; r < e.k; ++r) add(phi[r], r);
      for (std::size_t r = e.k; r < n_rows; ++r) add(phi[e.k_stride + r - e.k], r);
    }
    if (e.basis == Basis::plr) sum = at_least<T>(sum, T(0));
    store<T>(out + c, sum);
  }
}

template <class T>
void embed_forward(const Embedding<T>& e, EmbeddingTensors<T> t, Panels<const T> X, T* phi, Panels<T> own, T small,
                   std::size_t i0, std::size_t i1) {
  const Kept<T> kept{e, X.rows};
  const Panels<const T> to{own.data, own.rows, own.columns};
  const bool has_waves = e.basis == Basis::pbld || e.basis == Basis::plr;
  alignas(64) T numbers[panel<T>];
  for (std::size_t i = i0; i < i1; ++i)
    for (std::size_t j = 0; j < e.n_in; ++j) {
      const T x = X.data[place_in<T>(X, i, j)];
      const std::size_t f = e.which[j], place = e.place[j];
      if (f == e.n_columns) {
        own.data[place_in<T>(to, i, place)] = x;
        continue;
      }
      T* const waves_of = has_waves ? phi + kept.wave(f, i) : nullptr;
      if (has_waves) waves<T>(e, t, f, x, waves_of);
      embed_one<T>(e, t, f, x, waves_of, numbers);
      for (std::size_t o = 0; o < e.d; ++o)
        own.data[place_in<T>(to, i, place + o)] = __builtin_fabs(numbers[o]) < small ? 0 : numbers[o];
      if (e.basis == Basis::pbld) own.data[place_in<T>(to, i, place + e.d)] = x;
    }
}

// Σ_o x_o·y_o over d numbers, by the tree of rows.hpp
template <class T> CHAINRULE_INLINE T product_of(const T* x, const T* y, std::size_t d_stride) {
  Line<T> total = line_of<T>(0);
  for (std::size_t c = 0; c < d_stride; c += chunk<T>) {
    const Line<T> a = load_line(x + c), b = load_line(y + c);
    for (std::size_t k = 0; k < Line<T>::n; ++k) total.v[k] = fma_(a.v[k], b.v[k], total.v[k]);
  }
  return sum<T>(total);
}

// dz of one column of a row, from de; and ∂J/∂x, without what passes directly
template <class T>
CHAINRULE_INLINE T waves_back(const Embedding<T>& e, const EmbeddingTensors<T>& t, std::size_t f, const T* phi,
                              const T* de, T* dz) {
  const T* const mix = t.mix + e.begin[f] * e.d_stride;
  T dx = 0;
  for (std::size_t k = 0; k < e.k; ++k) {
    const T cosine = phi[k], sine = phi[e.k_stride + k];
    T d = -sine * product_of<T>(mix + k * e.d_stride, de, e.d_stride);
    if (e.basis == Basis::plr) d = d + cosine * product_of<T>(mix + (e.k + k) * e.d_stride, de, e.d_stride);
    dz[k] = d;
    dx = fma_of_one<T>(d, t.frequency[f * e.k_stride + k], dx);
  }
  return dx * T(6.283185307179586);
}

template <class T>
CHAINRULE_INLINE T bins_back(const Embedding<T>& e, const EmbeddingTensors<T>& t, std::size_t f, T x, const T* de) {
  const std::size_t n_bins = e.begin[f + 1] - e.begin[f];
  T dx = product_of<T>(t.slope + f * e.d_stride, de, e.d_stride);
  for (std::size_t r = 0; r < n_bins; ++r) {
    const T slope = bin_of<T>(e.edges + e.edge[f], r, n_bins, x).slope;
    if (slope > 0) dx = fma_of_one<T>(product_of<T>(t.mix + (e.begin[f] + r) * e.d_stride, de, e.d_stride), slope, dx);
  }
  return dx;
}

// de of every embedded column, dz where there are waves, and ∂J/∂X into dX where that is asked for, rows i0 … i1
template <class T>
void embed_backward(const Embedding<T>& e, EmbeddingTensors<T> t, Panels<const T> X, const T* phi, Panels<const T> own,
                    const T* delta, T* de, T* dz, T* dX, std::size_t i0, std::size_t i1) {
  const Kept<T> kept{e, X.rows};
  for (std::size_t i = i0; i < i1; ++i)
    for (std::size_t j = 0; j < e.n_in; ++j) {
      const std::size_t f = e.which[j], place = e.place[j], at = place_in<T>(X, i, j);
      if (f == e.n_columns) {
        if (dX) dX[at] = delta[place_in<T>(own, i, place)];
        continue;
      }
      T* const d = de + kept.de(f, i);
      for (std::size_t o = 0; o < e.d; ++o) {
        const std::size_t from = place_in<T>(own, i, place + o);
        d[o] = e.basis == Basis::plr && !(own.data[from] > 0) ? 0 : delta[from];
      }
      T dx = 0;
      if (e.basis == Basis::piecewise_linear)
        dx = dX ? bins_back<T>(e, t, f, X.data[at], d) : 0;
      else if (e.basis != Basis::category)
        dx = waves_back<T>(e, t, f, phi + kept.wave(f, i), d, dz + kept.dz(f, i));
      if (e.basis == Basis::pbld) dx = dx + delta[place_in<T>(own, i, place + e.d)];
      if (dX) dX[at] = dx;
    }
}

// Σ_i by(i)·row(i) for one line of a tensor's row
template <class T, class By, class Row>
CHAINRULE_INLINE void sum_of_rows(RowRange rows, std::size_t stride, T* out, const By& by, const Row& row) {
  for (std::size_t c = 0; c < stride; c += lanes<T>) {
    Vector<T> total = broadcast<T>(0);
    for (std::size_t i = rows.first; i < rows.first + rows.n; ++i)
      total = fma_(broadcast<T>(by(i)), load(row(i) + c), total);
    store<T>(out + c, total);
  }
}

template <class T>
void levels_gradient(const Embedding<T>& e, Panels<const T> X, const T* de, RowRange rows, std::size_t f, T* dmix) {
  const Kept<T> kept{e, X.rows};
  const std::size_t n_levels = e.begin[f + 1] - e.begin[f];
  for (std::size_t c = 0; c < n_levels * e.d_stride; c += lanes<T>) store<T>(dmix + c, broadcast<T>(0));
  for (std::size_t i = rows.first; i < rows.first + rows.n; ++i) {
    const std::size_t level = level_of<T>(X.data[place_in<T>(X, i, e.columns[f])], n_levels);
    T* const row = dmix + level * e.d_stride;
    for (std::size_t c = 0; level < n_levels && c < e.d_stride; c += lanes<T>)
      store<T>(row + c, load(row + c) + load(de + kept.de(f, i) + c));
  }
}

// The gradients of the tensors of embedded column f, over some rows in their order
template <class T>
void embed_gradient(const Embedding<T>& e, EmbeddingTensors<T> gradient, Panels<const T> X, const T* phi, const T* de,
                    const T* dz, RowRange rows, std::size_t f) {
  const Kept<T> kept{e, X.rows};
  const std::size_t n_rows = e.begin[f + 1] - e.begin[f];
  T* const dmix = const_cast<T*>(gradient.mix) + e.begin[f] * e.d_stride;
  if (e.basis == Basis::category) return levels_gradient<T>(e, X, de, rows, f, dmix);
  const auto x = [&](std::size_t i) CHAINRULE_LAMBDA { return X.data[place_in<T>(X, i, e.columns[f])]; };
  const auto turns = [&](std::size_t i) CHAINRULE_LAMBDA { return x(i) * T(6.283185307179586); };
  const auto one = [](std::size_t) CHAINRULE_LAMBDA { return T(1); };
  const auto error = [&](std::size_t i) CHAINRULE_LAMBDA { return de + kept.de(f, i); };
  const auto angle = [&](std::size_t i) CHAINRULE_LAMBDA { return dz + kept.dz(f, i); };
  const auto of = [&](const T* tensor, std::size_t stride) { return const_cast<T*>(tensor) + f * stride; };
  sum_of_rows<T>(rows, e.d_stride, of(gradient.offset, e.d_stride), one, error);
  if (gradient.slope) sum_of_rows<T>(rows, e.d_stride, of(gradient.slope, e.d_stride), x, error);
  if (gradient.frequency) sum_of_rows<T>(rows, e.k_stride, of(gradient.frequency, e.k_stride), turns, angle);
  if (gradient.phase) sum_of_rows<T>(rows, e.k_stride, of(gradient.phase, e.k_stride), one, angle);
  for (std::size_t r = 0; r < n_rows; ++r) {
    const std::size_t at = r < e.k ? r : e.k_stride + r - e.k;
    const auto code = [&](std::size_t i) CHAINRULE_LAMBDA {
      return gradient.slope ? bin_of<T>(e.edges + e.edge[f], r, n_rows, x(i)).code : phi[kept.wave(f, i) + at];
    };
    sum_of_rows<T>(rows, e.d_stride, dmix + r * e.d_stride, code, error);
  }
}

}  // namespace
}  // namespace chainrule
