// Mirrors reference/layers.py: dense layers, forward beside backward, on the panel layout.
// The activation, its pullback and the update of W happen where the product leaves them, in registers
// or in a panel that is still in the cache.
#pragma once

#include "activations.hpp"
#include "single_output.hpp"
#include "gemm.hpp"
#include "kernels.hpp"
#include "optimizers.hpp"
#include "penalties.hpp"

namespace chainrule {
namespace {

// Epilogues of a @ W and delta @ W.T: what is stored of a tile whose first row is i.
template <class T, bool with_bias, bool relu> struct StoreRows {
  const T* bias;    // of the strip's columns
  const T* masked;  // relu backward: g of the layer below, where the strip begins
  T* sums;          // where it begins in the output
  std::size_t stride;
  template <int> CHAINRULE_INLINE void ahead(std::size_t) const {}
  template <int R, int V> CHAINRULE_INLINE void operator()(Tile<T, R, V>& t, std::size_t i) const {
    const StoreRows own = *this;  // a store could alias the members: in a copy they stay in registers
    CHAINRULE_UNROLL
    for (int r = 0; r < R; ++r) {
      const std::size_t row = (i + static_cast<std::size_t>(r)) * own.stride;
      CHAINRULE_UNROLL
      for (int v = 0; v < t.vectors; ++v) {
        const std::size_t c = static_cast<std::size_t>(v) * lanes<T>;
        Vector<T> x = t.c[r][v];
        if constexpr (with_bias) {
          x = x + load(own.bias + c);
          if constexpr (relu) x = Relu<T>::g(x);
        } else if constexpr (relu) {
          x = Relu<T>::pullback(x, load(own.masked + row + c), x);
        }
        store<T>(own.sums + row + c, x);
      }
    }
  }
};

template <class T> void multiply(T* x, const T* mask, const T* by, std::size_t n) {
  for (std::size_t i = 0; i < n; i += lanes<T>) store<T>(x + i, load(mask + i) * load(by + i));
}

// A node's own part of both passes, for n numbers from `first` on ----------------------------------------

// g(z), ⊙ mask; softmax waits for its whole row
template <class T> CHAINRULE_INLINE void finish(const Activated<T>& out, const T* z, std::size_t first, std::size_t n) {
  if (out.activation != Activation::softmax && (out.activation != Activation::identity || z != out.g))
    activate<T>(out.activation, z + first, out.g + first, n);
  if (out.mask) multiply<T>(out.a + first, out.g + first, out.mask + first, n);
}

template <class T> void add(T* out, const T* x, const T* y, std::size_t n) {
  for (std::size_t i = 0; i < n; i += lanes<T>) store<T>(out + i, load(x + i) + load(y + i));
}

// delta = pullback(z, g, (da + pending) ⊙ mask); da and delta may be the same
template <class T>
CHAINRULE_INLINE void pull_back(const Activated<T>& node, const T* da, T* delta, std::size_t first, std::size_t n) {
  const T* x = da + first;
  T* const out = delta + first;
  if (node.pending) add<T>(out, x, node.pending + first, n), x = out;
  if (node.mask) multiply<T>(out, x, node.mask + first, n), x = out;
  if (node.activation != Activation::identity || x != out)
    pullback<T>(node.activation, node.z ? node.z + first : nullptr, node.g + first, x, out, n);
}

// f(first, n) for the pieces of memory that rows i0 … i1 are made of
template <class T, class F> CHAINRULE_INLINE void for_panel_rows(Panels<T> m, std::size_t i0, std::size_t i1, F&& f) {
  for (std::size_t p = 0; p < n_panels<T>(m.columns); ++p) {
    const std::size_t width = panel_width<T>(m.columns, p);
    f(panel_start<T>(m.rows, p) + i0 * width, (i1 - i0) * width);
  }
}

template <class T>
void node_delta(Panels<T> shape, Activated<T> node, const T* da, T* delta, std::size_t i0, std::size_t i1) {
  for_panel_rows<T>(shape, i0, i1, [&](std::size_t first, std::size_t n) { pull_back<T>(node, da, delta, first, n); });
}

// a = a_in + h
template <class T>
void residual_forward(Panels<T> shape, const T* a_in, const T* h, T* a, std::size_t i0, std::size_t i1) {
  for_panel_rows<T>(shape, i0, i1, [&](std::size_t first, std::size_t n) { add<T>(a + first, a_in + first, h + first, n); });
}

// dense_forward: z = a_in @ W + b, g(z), ⊙ mask, for rows i0 … i1 -----------------------------------

// The rows k0 … k1 of a strip of V vectors, side by side, on the stack.
template <class T, int V> struct Strip {
  static constexpr std::size_t width = V * lanes<T>;
  alignas(64) T data[part_columns * width];
};

template <class T, bool relu>
void forward_panel(Panels<const T> a_in, Panels<const T> W, std::size_t p, const T* b, T* out, Part part, bool packed) {
  const std::size_t width = panel_width<T>(W.columns, p);
  const T *const W_p = W.data + panel_start<T>(W.rows, p), *const b_p = b + p * panel<T>;
  for_strips<T>(columns_of<T>(W.columns, p), part.i1 - part.i0, [&](auto vectors, std::size_t column) {
    constexpr int V = decltype(vectors)::value;
    const StoreRows<T, true, relu> epilogue{b_p + column, nullptr, out + column, width};
    const T* const from = W_p + part.k0 * width + column;
    if constexpr (strips_are_narrow<T>) {
      if (packed) {
        Strip<T, V> strip;
        lay_out<T>(from, width, strip.width, part.k1 - part.k0, strip.data);
        return multiply_strip<T, V, false>(a_in, strip.data, strip.width, part, epilogue);
      }
    }
    multiply_strip<T, V, true>(a_in, from, width, part, epilogue);
  });
}

template <class T>
void dense_forward(Panels<const T> a_in, Panels<const T> W, const T* b, Panels<T> shape, Activated<T> out,
                   std::size_t i0, std::size_t i1) {
  if (W.columns == 1) {
    const std::size_t first = i0 * chunk<T>;
    column_forward<T>(a_in, W.data, *b, out, i0, i1);
    if (out.mask) multiply<T>(out.a + first, out.g + first, out.mask + first, (i1 - i0) * chunk<T>);
    return;
  }
  const bool packed = in_parts<T>(i1 - i0, W.rows);
  for_parts(packed, i0, i1, W.rows, [&](Part part) {
    for (std::size_t p = 0; p < n_panels<T>(W.columns); ++p) {
      const std::size_t width = panel_width<T>(W.columns, p), start = panel_start<T>(shape.rows, p);
      const std::size_t first = start + part.i0 * width, n = (part.i1 - part.i0) * width;
      if (out.activation == Activation::relu && !out.z) {
        forward_panel<T, true>(a_in, W, p, b, out.g + start, part, packed);
        if (part.last && out.mask) multiply<T>(out.a + first, out.g + first, out.mask + first, n);
      } else {
        T* const z = out.z ? out.z : out.g;
        forward_panel<T, false>(a_in, W, p, b, z + start, part, packed);
        if (part.last) finish<T>(out, z, first, n);
      }
    }
  });
}

// dense_delta: delta of the node below = pullback(z, g, (delta @ W.T + pending) ⊙ mask), rows i0 … i1 ----

template <class T, bool relu>
void delta_panel(Panels<const T> delta, Panels<const T> W, std::size_t p, const T* g, T* out, Part part, T* scratch,
                 bool packed) {
  const std::size_t width = panel_width<T>(W.rows, p);
  if (!packed) transpose<T>(W, p * panel<T>, width, 0, W.columns, scratch);
  for_strips<T>(columns_of<T>(W.rows, p), part.i1 - part.i0, [&](auto vectors, std::size_t column) {
    constexpr int V = decltype(vectors)::value;
    const StoreRows<T, false, relu> epilogue{nullptr, relu ? g + column : nullptr, out + column, width};
    if constexpr (strips_are_narrow<T>) {
      if (packed) {
        Strip<T, V> strip;
        transpose<T>(W, p * panel<T> + column, strip.width, part.k0, part.k1, strip.data);
        return multiply_strip<T, V, false>(delta, strip.data, strip.width, part, epilogue);
      }
    }
    multiply_strip<T, V, true>(delta, scratch + column, width, part, epilogue);
  });
}

template <class T>
void dense_delta(Panels<const T> delta, Panels<const T> W, Activated<T> below, Panels<T> out, std::size_t i0,
                 std::size_t i1, T* scratch) {
  const bool packed = in_parts<T>(i1 - i0, W.columns);
  const bool relu = below.activation == Activation::relu && !below.mask && !below.pending;
  for_parts(packed, i0, i1, W.columns, [&](Part part) {
    for (std::size_t p = 0; p < n_panels<T>(out.columns); ++p) {
      const std::size_t width = panel_width<T>(out.columns, p), start = panel_start<T>(out.rows, p);
      T* const d = out.data + start;
      if (relu) {
        delta_panel<T, true>(delta, W, p, below.g + start, d, part, scratch, packed);
        continue;
      }
      delta_panel<T, false>(delta, W, p, nullptr, d, part, scratch, packed);
      if (part.last)
        pull_back<T>(below, out.data, out.data, start + part.i0 * width, (part.i1 - part.i0) * width);
    }
  });
}

// dW = a_in.T @ delta, for rows r0 … r1 of W ------------------------------------------------------------

template <class T> struct StoreGradient {
  T* sums;  // where the strip begins in dW
  std::size_t stride;
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
  // Narrow strips touch every fourth cache line of a large W: too far apart to be fetched unasked.
  template <int R> CHAINRULE_INLINE void ahead(std::size_t r0) const {
    CHAINRULE_UNROLL
    for (int r = 0; r < R; ++r) {
      const std::size_t row = (r0 + static_cast<std::size_t>(r)) * stride;
      __builtin_prefetch(W.theta + row, 1, 3);
      if constexpr (Law::n_arrays > 0) __builtin_prefetch(W.first + row, 1, 3);
      if constexpr (Law::n_arrays > 1) __builtin_prefetch(W.second + row, 1, 3);
    }
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

// A part of W and of what goes with it; arrays that are not kept are never read and stand for theta.
template <class T> CHAINRULE_INLINE Trained<T> from(const Trained<T>& W, std::size_t at) {
  return {W.theta + at, (W.first ? W.first : W.theta) + at, (W.second ? W.second : W.theta) + at,
          (W.gradient ? W.gradient : W.theta) + at};
}

template <class T, class Law>
void update_fused(const GradientProduct<T>& dW, Trained<T> W, const Rule<T>& rule, std::size_t r0, std::size_t r1,
                  T* check) {
  if (dW.delta.columns == 1) return update_column<T, Law>(dW.a_in, dW.delta.data, dW.n, W, rule, r0, r1, check);
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
  if (dW.delta.columns == 1) return store_column_gradient<T>(dW.a_in, dW.delta.data, dW.n, gradient, r0, r1);
  dW.tiles(part, r0, r1,
           [&](std::size_t offset, std::size_t width) { return StoreGradient<T>{gradient + offset, width}; });
}

template <class T>
void dense_gradient(Panels<const T> a_in, Panels<const T> delta, std::size_t n, T* gradient, std::size_t r0,
                    std::size_t r1, T* scratch) {
  const GradientProduct<T> dW{a_in, delta, n, scratch};
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

template <class T>
void dense_update(Panels<const T> a_in, Panels<const T> delta, std::size_t n, Trained<T> W, const Rule<T>* rule,
                  std::size_t r0, std::size_t r1, std::size_t c0, std::size_t c1, T* scratch, T* check) {
  GradientProduct<T> dW{a_in, delta, n, scratch};
  dW.begin = c0 * chunk<T>, dW.end = c1 * chunk<T>;
  if (rule->l1 == 0 && rule->optimizer == Optimizer::sgd)
    return update_fused<T, Sgd<T>>(dW, W, *rule, r0, r1, check);
  if (rule->l1 == 0 && (rule->optimizer == Optimizer::adam || rule->optimizer == Optimizer::adam_epsilon_hat))
    return update_fused<T, Adam<T>>(dW, W, *rule, r0, r1, check);
  update_by_panels<T>(dW, W, *rule, r0, r1, check);
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
template <class T>
void bias_gradient(Panels<const T> delta, std::size_t n, T* db, std::size_t c0, std::size_t c1) {
  constexpr std::size_t of_panel = panel<T> / chunk<T>;
  for (std::size_t c = c0; c < c1;) {
    const std::size_t width = panel_width<T>(delta.columns, c / of_panel);
    const T* const column = delta.data + line_start<T>(delta.rows, delta.columns, 0, c);
    const bool whole = c % of_panel == 0 && c + of_panel <= c1;
    if (whole)
      sum_lines<T, of_panel>(column, width, n, db + c * chunk<T>);
    else
      sum_lines<T, 1>(column, width, n, db + c * chunk<T>);
    c += whole ? of_panel : 1;
  }
}

// n numbers; the last vector overlaps the one before it. What is watched adds up to 0 where all are finite.
template <class T, bool watch>
CHAINRULE_INLINE void copy_row(T* to, const T* from, std::size_t n, Vector<T>& sum, T& sum_of_few) {
  if (n < lanes<T>) {
    for (std::size_t j = 0; j < n; ++j) {
      to[j] = from[j];
      if constexpr (watch) sum_of_few = sum_of_few + (from[j] - from[j]);
    }
    return;
  }
  const auto copy = [&](std::size_t j) CHAINRULE_LAMBDA {
    const Vector<T> x = load_unaligned(from + j);
    store_unaligned<T>(to + j, x);
    if constexpr (watch) sum = watched<T>(sum, x);
  };
  for (std::size_t j = 0; j + lanes<T> <= n; j += lanes<T>) copy(j);
  if (n % lanes<T> != 0) copy(n - lanes<T>);
}

template <class T, bool watch>
void gather_rows(const T* X, const std::int64_t* rows, const std::int64_t* next, Panels<T> out, std::size_t i0,
                 std::size_t i1, T* check) {
  const std::size_t n = out.columns, row_bytes = n * sizeof(T);
  Vector<T> sum = broadcast<T>(0);
  T sum_of_few = 0;
  for (std::size_t i = i0; i < i1; ++i) {
    const T* const x = X + static_cast<std::size_t>(rows[i]) * n;
    if (next) {  // rows wanted later are on their way while these are computed; both ends of each
      const char* const later = reinterpret_cast<const char*>(X + static_cast<std::size_t>(next[i]) * n);
      for (std::size_t b = 0; b < row_bytes; b += 64) __builtin_prefetch(later + b, 0, 2);
      __builtin_prefetch(later + row_bytes - 1, 0, 2);
    }
    for (std::size_t p = 0; p < n_panels<T>(n); ++p)
      copy_row<T, watch>(out.data + panel_start<T>(out.rows, p) + i * panel_width<T>(n, p), x + p * panel<T>,
                         columns_of<T>(n, p), sum, sum_of_few);
  }
  if constexpr (watch) {
    store<T>(check, load(check) + sum);
    *check = *check + sum_of_few;
  }
}

template <class T>
void gather(const T* X, const std::int64_t* rows, const std::int64_t* next, Panels<T> out, std::size_t i0,
            std::size_t i1, T* check) {
  if (check) return gather_rows<T, true>(X, rows, next, out, i0, i1, check);
  gather_rows<T, false>(X, rows, next, out, i0, i1, nullptr);
}

}  // namespace
}  // namespace chainrule
