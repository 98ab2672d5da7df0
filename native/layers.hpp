// Mirrors reference/layers.py: dense layers, forward beside backward, on the panel layout.
// The activation, its pullback and the update of W happen where the product leaves them, in registers
// or in a panel that is still in the cache.
#pragma once

#include "activations.hpp"
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
  T* out;
  std::size_t stride;
  template <int R, int V> CHAINRULE_INLINE void operator()(Tile<T, R, V>& t, std::size_t i) const {
    const StoreRows own = *this;  // a store could alias the members: in a copy they stay in registers
    CHAINRULE_UNROLL
    for (int r = 0; r < R; ++r) {
      const std::size_t row = (i + static_cast<std::size_t>(r)) * own.stride;
      CHAINRULE_UNROLL
      for (int v = 0; v < V; ++v) {
        const std::size_t c = static_cast<std::size_t>(v) * lanes<T>;
        Vector<T> x = t.c[r][v];
        if constexpr (with_bias) {
          x = x + load(own.bias + c);
          if constexpr (relu) x = Relu<T>::g(x);
        } else if constexpr (relu) {
          x = Relu<T>::pullback(x, load(own.masked + row + c), x);
        }
        store<T>(own.out + row + c, x);
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

template <class T, bool relu>
void forward_panel(Panels<const T> a_in, const T* W_p, const T* b_p, std::size_t width, T* out, std::size_t i0,
                   std::size_t i1) {
  for_strips<T>(width, i1 - i0, [&](auto vectors, std::size_t column) {
    const StoreRows<T, true, relu> epilogue{b_p + column, nullptr, out + column, width};
    multiply_strip<T, decltype(vectors)::value>(a_in, W_p + column, width, i0, i1, epilogue);
  });
}

template <class T>
void dense_forward(Panels<const T> a_in, Panels<const T> W, const T* b, Panels<T> shape, Activated<T> out,
                   std::size_t i0, std::size_t i1) {
  for (std::size_t p = 0; p < n_panels<T>(W.columns); ++p) {
    const std::size_t width = panel_width<T>(W.columns, p), start = panel_start<T>(shape.rows, p);
    const std::size_t first = start + i0 * width, n = (i1 - i0) * width;
    const T* const W_p = W.data + panel_start<T>(W.rows, p);
    const T* const b_p = b + p * panel<T>;
    if (out.activation == Activation::relu && !out.z) {
      forward_panel<T, true>(a_in, W_p, b_p, width, out.g + start, i0, i1);
      if (out.mask) multiply<T>(out.a + first, out.g + first, out.mask + first, n);
    } else {
      T* const z = out.z ? out.z : out.g;
      forward_panel<T, false>(a_in, W_p, b_p, width, z + start, i0, i1);
      finish<T>(out, z, first, n);
    }
  }
}

// The same chains for one row on weights in the plain layout: V vectors of z at a time.
template <class T, int V>
CHAINRULE_INLINE void row_strip(const T* x, const T* W, const T* b, std::size_t n_in, std::size_t n_out, T* z) {
  Vector<T> sum[V];
  CHAINRULE_UNROLL
  for (int v = 0; v < V; ++v) sum[v] = broadcast<T>(0);
  for (std::size_t k = 0; k < n_in; ++k, W += n_out) {
    const Vector<T> x_k = broadcast<T>(x[k]);
    CHAINRULE_UNROLL
    for (int v = 0; v < V; ++v)
      sum[v] = fma_(x_k, load_unaligned(W + static_cast<std::size_t>(v) * lanes<T>), sum[v]);
  }
  CHAINRULE_UNROLL
  for (int v = 0; v < V; ++v) {
    const std::size_t j = static_cast<std::size_t>(v) * lanes<T>;
    store_unaligned<T>(z + j, sum[v] + load_unaligned(b + j));
  }
}

template <class T>
void dense_row(const T* x, const T* W, const T* b, std::size_t n_in, std::size_t n_out, T* z) {
  std::size_t j = 0;
  for (; j + 8 * lanes<T> <= n_out; j += 8 * lanes<T>) row_strip<T, 8>(x, W + j, b + j, n_in, n_out, z + j);
  for (; j + lanes<T> <= n_out; j += lanes<T>) row_strip<T, 1>(x, W + j, b + j, n_in, n_out, z + j);
  T sum[lanes<T>] = {};
  const std::size_t rest = n_out - j;
  for (std::size_t k = 0; k < n_in; ++k)
    for (std::size_t r = 0; r < rest; ++r) sum[r] = fma_of_one<T>(x[k], W[k * n_out + j + r], sum[r]);
  for (std::size_t r = 0; r < rest; ++r) z[j + r] = sum[r] + b[j + r];
}

// dense_delta: delta of the node below = pullback(z, g, (delta @ W.T + pending) ⊙ mask), rows i0 … i1 ----

template <class T, bool relu>
void delta_panel(Panels<const T> delta, const T* W_t, std::size_t width, const T* g, T* out, std::size_t i0,
                 std::size_t i1) {
  for_strips<T>(width, i1 - i0, [&](auto vectors, std::size_t column) {
    const StoreRows<T, false, relu> epilogue{nullptr, relu ? g + column : nullptr, out + column, width};
    multiply_strip<T, decltype(vectors)::value>(delta, W_t + column, width, i0, i1, epilogue);
  });
}

template <class T>
void dense_delta(Panels<const T> delta, Panels<const T> W, Activated<T> below, Panels<T> out, std::size_t i0,
                 std::size_t i1, T* scratch) {
  for (std::size_t p = 0; p < n_panels<T>(out.columns); ++p) {
    const std::size_t width = panel_width<T>(out.columns, p), start = panel_start<T>(out.rows, p);
    const std::size_t first = start + i0 * width, n = (i1 - i0) * width;
    T* const d = out.data + start;
    transpose_panel<T>(W, p, scratch);
    if (below.activation == Activation::relu && !below.mask && !below.pending) {
      delta_panel<T, true>(delta, scratch, width, below.g + start, d, i0, i1);
      continue;
    }
    delta_panel<T, false>(delta, scratch, width, nullptr, d, i0, i1);
    pull_back<T>(below, out.data, out.data, first, n);
  }
}

// dW = a_in.T @ delta, for rows r0 … r1 of W ------------------------------------------------------------

template <class T> struct StoreGradient {
  T* out;
  std::size_t stride;
  template <int R, int V> CHAINRULE_INLINE void operator()(Tile<T, R, V>& t, std::size_t r0) const {
    const StoreGradient own = *this;
    CHAINRULE_UNROLL
    for (int r = 0; r < R; ++r) {
      T* const row = own.out + (r0 + static_cast<std::size_t>(r)) * own.stride;
      CHAINRULE_UNROLL
      for (int v = 0; v < V; ++v) store<T>(row + static_cast<std::size_t>(v) * lanes<T>, t.c[r][v]);
    }
  }
};

// The gradient is in registers; theta and the optimizer's arrays pass by once.
template <class T, class Law, bool decays> struct ApplyUpdate {
  Trained<T> W;  // where the strip begins
  std::size_t stride;
  const Rule<T>& rule;
  T* check;
  template <int R, int V> CHAINRULE_INLINE void operator()(Tile<T, R, V>& t, std::size_t r0) const {
    const Law law(rule);
    const T l2 = rule.l2;
    T *const theta = W.theta, *const first = W.first, *const second = W.second;
    const std::size_t stride = this->stride;
    Vector<T> sum[V] = {};  // one chain of additions a column, so that none waits for another
    CHAINRULE_UNROLL
    for (int r = 0; r < R; ++r) {
      const std::size_t row = (r0 + static_cast<std::size_t>(r)) * stride;
      CHAINRULE_UNROLL
      for (int v = 0; v < V; ++v) {
        const std::size_t at = row + static_cast<std::size_t>(v) * lanes<T>;
        Vector<T> w = load(theta + at), g = t.c[r][v];
        if constexpr (decays) g = with_l2<T>(g, w, l2);
        w = law.step(g, w, first + at, second + at);
        store<T>(theta + at, w);
        sum[v] = watched<T>(sum[v], w);
      }
    }
    Vector<T> all = load(check);
    CHAINRULE_UNROLL
    for (int v = 0; v < V; ++v) all = all + sum[v];
    store<T>(check, all);
  }
};

// Calls f(Constant<V>, strip of a_in, its width, first row, end row, offset of the strip in W, strip of delta, width)
template <class T, class MakeEpilogue>
CHAINRULE_INLINE void gradient_tiles(Panels<const T> a_in, Panels<const T> delta, std::size_t n, std::size_t r0,
                                     std::size_t r1, const MakeEpilogue& make_epilogue) {
  for (std::size_t q = 0; q < n_panels<T>(delta.columns); ++q) {
    const std::size_t width = panel_width<T>(delta.columns, q);
    const T* const d = delta.data + panel_start<T>(delta.rows, q);
    for (std::size_t p = r0 / panel<T>; p * panel<T> < r1; ++p) {
      const std::size_t base = p * panel<T>, a_width = panel_width<T>(a_in.columns, p);
      const std::size_t first = r0 > base ? r0 - base : 0, end = r1 - base < panel<T> ? r1 - base : panel<T>;
      const T* const a = a_in.data + panel_start<T>(a_in.rows, p);
      for_strips<T>(width, 64, [&](auto vectors, std::size_t column) {
        const auto epilogue = make_epilogue(panel_start<T>(a_in.columns, q) + base * width + column, width);
        multiply_transposed_strip<T, decltype(vectors)::value>(a, a_width, d + column, width, n, first, end, epilogue);
      });
    }
  }
}

// A part of W and of what goes with it; arrays that are not kept are never read and stand for theta.
template <class T> CHAINRULE_INLINE Trained<T> from(const Trained<T>& W, std::size_t at) {
  return {W.theta + at, (W.first ? W.first : W.theta) + at, (W.second ? W.second : W.theta) + at,
          (W.gradient ? W.gradient : W.theta) + at};
}

template <class T, class Law>
void update_fused(Panels<const T> a_in, Panels<const T> delta, std::size_t n, Trained<T> W, const Rule<T>& rule,
                  std::size_t r0, std::size_t r1, T* check) {
  const auto sweep = [&](auto decays) {
    gradient_tiles<T>(a_in, delta, n, r0, r1, [&](std::size_t offset, std::size_t width) {
      return ApplyUpdate<T, Law, decltype(decays)::value != 0>{from(W, offset), width, rule, check};
    });
  };
  return rule.l2 != 0 ? sweep(Constant<true>()) : sweep(Constant<false>());
}

template <class T>
void dense_gradient(Panels<const T> a_in, Panels<const T> delta, std::size_t n, T* gradient, std::size_t r0,
                    std::size_t r1) {
  gradient_tiles<T>(a_in, delta, n, r0, r1, [&](std::size_t offset, std::size_t width) {
    return StoreGradient<T>{gradient + offset, width};
  });
}

// Rows of W that one block of dW covers when the update follows it instead of being fused: 16 KB of gradient.
template <class T>
void update_by_blocks(Panels<const T> a_in, Panels<const T> delta, std::size_t n, Trained<T> W, const Rule<T>& rule,
                      std::size_t r0, std::size_t r1, T* check) {
  for (std::size_t r = r0; r < r1;) {
    const std::size_t end = r / panel<T> * panel<T> + panel<T> < r1 ? r / panel<T> * panel<T> + panel<T> : r1;
    dense_gradient<T>(a_in, delta, n, W.gradient, r, end);
    for (std::size_t q = 0; q < n_panels<T>(delta.columns); ++q) {
      const std::size_t width = panel_width<T>(delta.columns, q), size = (end - r) * width;
      const std::size_t at = panel_start<T>(a_in.columns, q) + r * width;
      penalise<T>(W.gradient + at, W.theta + at, &rule, size);
      update<T>(from(W, at), &rule, size, check);
    }
    r = end;
  }
}

template <class T>
void dense_update(Panels<const T> a_in, Panels<const T> delta, std::size_t n, Trained<T> W, const Rule<T>* rule,
                  std::size_t r0, std::size_t r1, T* check) {
  if (rule->l1 == 0 && rule->optimizer == Optimizer::sgd)
    return update_fused<T, Sgd<T>>(a_in, delta, n, W, *rule, r0, r1, check);
  if (rule->l1 == 0 && (rule->optimizer == Optimizer::adam || rule->optimizer == Optimizer::adam_epsilon_hat))
    return update_fused<T, Adam<T>>(a_in, delta, n, W, *rule, r0, r1, check);
  update_by_blocks<T>(a_in, delta, n, W, *rule, r0, r1, check);
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

// n numbers; the last vector overlaps the one before it
template <class T> CHAINRULE_INLINE void copy_row(T* to, const T* from, std::size_t n) {
  if (n < lanes<T>) {
    for (std::size_t j = 0; j < n; ++j) to[j] = from[j];
    return;
  }
  for (std::size_t j = 0; j + lanes<T> <= n; j += lanes<T>) store<T>(to + j, load_unaligned(from + j));
  if (n % lanes<T> != 0) store_unaligned<T>(to + n - lanes<T>, load_unaligned(from + n - lanes<T>));
}

template <class T>
void gather(const T* X, const std::int64_t* rows, const std::int64_t* next, Panels<T> out, std::size_t i0,
            std::size_t i1) {
  const std::size_t n = out.columns;
  for (std::size_t i = i0; i < i1; ++i) {
    const T* const x = X + static_cast<std::size_t>(rows[i]) * n;
    const char* const later = next ? reinterpret_cast<const char*>(X + static_cast<std::size_t>(next[i]) * n) : nullptr;
    for (std::size_t p = 0; p < n_panels<T>(n); ++p) {
      const std::size_t first = p * panel<T>, width = n - first < panel<T> ? n - first : panel<T>;
      T* const y = out.data + panel_start<T>(out.rows, p) + i * panel_width<T>(n, p);
      if (later)  // the rows of the next batch are on their way while this one is computed
        for (std::size_t b = 0; b < width * sizeof(T); b += 64)
          __builtin_prefetch(later + first * sizeof(T) + b, 0, 2);
      copy_row(y, x + first, width);
    }
  }
}

}  // namespace
}  // namespace chainrule
