// dW and db of reference/layers.py (dense_backward) on the panel layout; the update of W happens where a tile of dW leaves
// the registers, or on a panel of it that is still in the cache.
#pragma once

#include "gradient_product.hpp"
#include "kernels.hpp"
#include "optimizers.hpp"
#include "penalties.hpp"
#include "single_output.hpp"

namespace chainrule {
namespace {

// dW = a_in.T @ delta, for rows r0 … r1 of W ------------------------------------------------------------

template <class T> struct StoreGradient {
  T* sums;  // where the strip begins in dW
  std::size_t stride;
  static constexpr bool divides = false;
  template <int> CHAINRULE_INLINE void ahead(std::size_t) const {}
  template <int R, int V> CHAINRULE_INLINE void operator()(Tile<T, R, V>& t, std::size_t r0) const {
    suspend(t, sums + r0 * stride, stride);
  }
};

// The gradient is in registers; theta and the optimizer's arrays pass by once.
template <class T, class Law, bool decays> struct ApplyUpdate {
  Trained<T> W;  // where the strip begins
  T* sums;
  std::size_t stride;
  const Rule<T>& rule;
  T* check;
  // Narrow strips touch every fourth cache line of a large W: too far apart for the hardware prefetcher.
  template <int R> CHAINRULE_INLINE void ahead(std::size_t r0) const {
    CHAINRULE_UNROLL
    for (int r = 0; r < R; ++r) fetch((r0 + static_cast<std::size_t>(r)) * stride);
  }
  CHAINRULE_INLINE void fetch(std::size_t at) const {
    __builtin_prefetch(W.theta + at, 1, 3);
    if constexpr (Law::n_arrays > 0) __builtin_prefetch(W.first + at, 1, 3);
    if constexpr (Law::n_arrays > 1) __builtin_prefetch(W.second + at, 1, 3);
  }
  static constexpr bool divides = Law::n_arrays > 1;
  static constexpr std::size_t rows_ahead = 12;  // two tiles
  // The same for V vectors of sums that have left the registers, of row r; those of a later row are on their way.
  template <int V> CHAINRULE_INLINE void row(const T* sums, std::size_t r) const {
    const Law law(rule);
    Vector<T> sum[V] = {};
    CHAINRULE_UNROLL
    for (int v = 0; v < V; ++v) {
      const std::size_t of_strip = static_cast<std::size_t>(v) * lanes<T>, at = r * stride + of_strip;
      Vector<T> w = load(W.theta + at), g = load(sums + of_strip);
      if constexpr (decays) g = with_l2<T>(g, w, rule.l2);
      w = law.step(g, w, W.first + at, W.second + at, sum[v]);
      store<T>(W.theta + at, w);
      sum[v] = watched<T>(sum[v], w);
      fetch(at + rows_ahead * stride);
    }
    Vector<T> all = load(check);
    CHAINRULE_UNROLL
    for (int v = 0; v < V; ++v) all = all + sum[v];
    store<T>(check, all);
  }
  template <int R, int V> CHAINRULE_INLINE void operator()(Tile<T, R, V>& t, std::size_t r0) const {
    const Law law(rule);
    const T l2 = rule.l2;
    T *const theta = W.theta, *const first = W.first, *const second = W.second;
    const std::size_t stride = this->stride;
    Vector<T> sum[Tile<T, R, V>::vectors] = {};  // one chain of additions a column, so that none waits for another
    CHAINRULE_UNROLL
    for (int r = 0; r < R; ++r) {
      const std::size_t row = (r0 + static_cast<std::size_t>(r)) * stride;
      CHAINRULE_UNROLL
      for (int v = 0; v < t.vectors; ++v) {
        const std::size_t at = row + static_cast<std::size_t>(v) * lanes<T>;
        Vector<T> w = load(theta + at), g = t.c[r][v];
        if constexpr (decays) g = with_l2<T>(g, w, l2);
        w = law.step(g, w, first + at, second + at, sum[v]);
        store<T>(theta + at, w);
        sum[v] = watched<T>(sum[v], w);
      }
    }
    Vector<T> all = load(check);
    CHAINRULE_UNROLL
    for (int v = 0; v < t.vectors; ++v) all = all + sum[v];
    store<T>(check, all);
  }
};

// A part of W and of what goes with it; arrays that are not kept are never read and point to theta.
template <class T> CHAINRULE_INLINE Trained<T> from(const Trained<T>& W, std::size_t at) {
  return {W.theta + at, (W.first ? W.first : W.theta) + at, (W.second ? W.second : W.theta) + at,
          (W.gradient ? W.gradient : W.theta) + at};
}

template <class T, class Law>
void update_fused(const GradientProduct<T>& dW, Trained<T> W, const Rule<T>& rule, std::size_t r0, std::size_t r1,
                  T* check) {
  if (dW.delta.columns == 1) return update_column<T, Law>(dW.a_in, dW.delta.data, dW.rows(), W, rule, r0, r1, check);
  const auto sweep = [&](auto decays) {
    dW.for_parts_of_batch([&](const Part& part) {
      dW.tiles(part, r0, r1, [&](std::size_t offset, std::size_t width) {
        const Trained<T> strip = from(W, offset);
        return ApplyUpdate<T, Law, decltype(decays)::value != 0>{strip, strip.gradient, width, rule, check};
      });
    });
  };
  return rule.l2 != 0 ? sweep(Constant<true>()) : sweep(Constant<false>());
}

template <class T>
CHAINRULE_INLINE void store_gradient(const GradientProduct<T>& dW, const Part& part, T* gradient, std::size_t r0,
                                     std::size_t r1) {
  if (dW.delta.columns == 1) return store_column_gradient<T>(dW.a_in, dW.delta.data, dW.rows(), gradient, r0, r1);
  dW.tiles(part, r0, r1,
           [&](std::size_t offset, std::size_t width) { return StoreGradient<T>{gradient + offset, width}; });
}

template <class T>
void dense_gradient(Panels<const T> a_in, Panels<const T> delta, RowRange rows, T* gradient, std::size_t r0,
                    std::size_t r1, T* scratch) {
  const GradientProduct<T> dW{a_in, delta, rows, scratch};
  dW.for_parts_of_batch([&](const Part& part) { store_gradient<T>(dW, part, gradient, r0, r1); });
}

// The update follows a panel of dW, which is still in the cache, instead of being fused.
template <class T>
void update_by_panels(const GradientProduct<T>& dW, Trained<T> W, const Rule<T>& rule, std::size_t r0, std::size_t r1,
                      T* check) {
  dW.for_parts_of_batch([&](const Part& part) {
    for_panels<T>(r0, r1, [&](std::size_t p, std::size_t first, std::size_t end) {
      const std::size_t base = p * panel<T>;
      store_gradient<T>(dW, part, W.gradient, base + first, base + end);
      for (std::size_t q = 0; part.last && q < n_panels<T>(dW.delta.columns); ++q) {
        const std::size_t width = panel_width<T>(dW.delta.columns, q), left = dW.begin_in(q);
        const std::size_t right = round_up(dW.end_in(q), chunk<T>);
        const auto piece = [&](std::size_t r, std::size_t size) {
          const std::size_t at = panel_start<T>(dW.a_in.columns, q) + (base + r) * width + left;
          penalise<T>(W.gradient + at, W.theta + at, &rule, size);
          update<T>(from(W, at), &rule, size, check);
        };
        if (left == 0 && right == width)
          piece(first, (end - first) * width);
        else if (left < right)
          for (std::size_t r = first; r < end; ++r) piece(r, right - left);
      }
    });
  });
}

// Sums of `lines` neighbouring cache lines of a panel over n rows, row after row.
template <class T, std::size_t lines>
CHAINRULE_INLINE void sum_lines(const T* column, std::size_t width, std::size_t n, T* sums) {
  constexpr std::size_t n_vectors = lines * chunk<T> / lanes<T>;
  Vector<T> sum[n_vectors] = {};
  for (std::size_t i = 0; i < n; ++i, column += width) {
    CHAINRULE_UNROLL
    for (std::size_t v = 0; v < n_vectors; ++v) sum[v] = sum[v] + load(column + v * lanes<T>);
  }
  CHAINRULE_UNROLL
  for (std::size_t v = 0; v < n_vectors; ++v) store<T>(sums + v * lanes<T>, sum[v]);
}

// db = Σ_i delta_i for the cache lines c0 … c1; a whole panel at a time, so that no addition waits for the one before
template <class T> void bias_gradient(Panels<const T> delta, RowRange rows, T* db, std::size_t c0, std::size_t c1) {
  constexpr std::size_t of_panel = panel<T> / chunk<T>;
  for (std::size_t c = c0; c < c1;) {
    const std::size_t width = panel_width<T>(delta.columns, c / of_panel);
    const T* const column = delta.data + line_start<T>(delta.rows, delta.columns, rows.first, c);
    const bool whole = c % of_panel == 0 && c + of_panel <= c1;
    if (whole)
      sum_lines<T, of_panel>(column, width, rows.n, db + c * chunk<T>);
    else
      sum_lines<T, 1>(column, width, rows.n, db + c * chunk<T>);
    c += whole ? of_panel : 1;
  }
}

template <class T>
void dense_update(Panels<const T> a_in, Panels<const T> delta, std::size_t n, Trained<T> W, T* db, const Rule<T>* rule,
                  Upcoming<T> next, std::size_t r0, std::size_t r1, std::size_t c0, std::size_t c1, T* scratch,
                  T* check) {
  GradientProduct<T> dW{a_in, delta, {0, n}, scratch};
  dW.begin = c0 * chunk<T>, dW.end = c1 * chunk<T>, dW.next = next;
  const bool sgd = rule->optimizer == Optimizer::sgd;
  const bool adam = rule->optimizer == Optimizer::adam || rule->optimizer == Optimizer::adam_epsilon_hat;
  const bool fused = rule->l1 == 0 && (sgd || adam);
  if (fused && !dW.laid_out && delta.columns > 1)
    dW.db = db;
  else if (db)
    bias_gradient<T>(delta, {0, n}, db, c0, c1);
  if (fused && sgd) return update_fused<T, Sgd<T>>(dW, W, *rule, r0, r1, check);
  if (fused) return update_fused<T, Adam<T>>(dW, W, *rule, r0, r1, check);
  update_by_panels<T>(dW, W, *rule, r0, r1, check);
}

}  // namespace
}  // namespace chainrule
