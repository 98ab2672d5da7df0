// A dense layer of a single unit, as most regressions and two classes end in: vectors run along the rows of the
// batch or along the inputs instead of along the units, of which a vector would hold one and padding. Every number
// is the same chain of fused multiply-adds as in gemm.hpp, so no bit differs.
#pragma once

#include "activations.hpp"
#include "gradient_product.hpp"
#include "optimizers.hpp"
#include "packing.hpp"
#include "penalties.hpp"

namespace chainrule {
namespace {

constexpr std::size_t column_rows = 64;  // rows whose numbers are side by side at a time

// z of B·lanes rows += the part of their products that n_k inputs of a panel make up; rows become columns on the way.
template <class T, int B>
CHAINRULE_INLINE void dot_rows(const T* a, std::size_t width, const T* w, std::size_t n_k, Vector<T> (&sum)[B]) {
  constexpr std::size_t n = lanes<T>;
  for (std::size_t k = 0; k < n_k; k += n, w += n * chunk<T>) {
    CHAINRULE_UNROLL
    for (int b = 0; b < B; ++b) {
      const T* const from = a + static_cast<std::size_t>(b) * n * width + k;
      Vector<T> x[n];
      CHAINRULE_UNROLL
      for (std::size_t r = 0; r < n; ++r) x[r] = load(from + r * width);
      if constexpr (n > 1) transpose_in_registers(x);
      if (k + n <= n_k) {
        CHAINRULE_UNROLL
        for (std::size_t j = 0; j < n; ++j) sum[b] = fma_(x[j], broadcast<T>(w[j * chunk<T>]), sum[b]);
      } else {
        CHAINRULE_UNROLL
        for (std::size_t j = 0; j < n; ++j)
          if (k + j < n_k) sum[b] = fma_(x[j], broadcast<T>(w[j * chunk<T>]), sum[b]);
      }
    }
  }
}

// z of B·lanes rows from row `i` on
template <class T, int B> CHAINRULE_INLINE void dot_block(Panels<const T> A, const T* w, std::size_t i, T* z) {
  Vector<T> sum[B];
  CHAINRULE_UNROLL
  for (int b = 0; b < B; ++b) sum[b] = broadcast<T>(0);
  const std::size_t n_whole = A.columns / panel<T>, rest = A.columns % panel<T>;
  const T* a = A.data + i * panel<T>;
  for (std::size_t p = 0; p < n_whole; ++p, a += panel<T> * A.rows, w += panel<T> * chunk<T>)
    dot_rows<T, B>(a, panel<T>, w, panel<T>, sum);
  if (rest > 0) {
    const std::size_t width = padded_columns<T>(rest);
    dot_rows<T, B>(A.data + n_whole * panel<T> * A.rows + i * width, width, w, rest, sum);
  }
  CHAINRULE_UNROLL
  for (int b = 0; b < B; ++b) store<T>(z + static_cast<std::size_t>(b) * lanes<T>, sum[b]);
}

// z of one row
template <class T> CHAINRULE_INLINE T dot_row(Panels<const T> A, const T* w, std::size_t i) {
  T sum = 0;
  for (std::size_t p = 0; p < n_panels<T>(A.columns); ++p) {
    const std::size_t left = A.columns - p * panel<T>, n_k = left < panel<T> ? left : panel<T>;
    const T* const a = A.data + panel_start<T>(A.rows, p) + i * panel_width<T>(A.columns, p);
    for (std::size_t k = 0; k < n_k; ++k, w += chunk<T>) sum = fma_of_one<T>(a[k], *w, sum);
  }
  return sum;
}

// dense_forward where W has one column
template <class T>
[[gnu::noinline]] void column_forward(Panels<const T> a_in, const T* w, T bias, const Activated<T>& out, std::size_t i0,
                                      std::size_t i1) {
  constexpr std::size_t n = lanes<T>;
  alignas(64) T z[column_rows] = {}, g[column_rows];
  const bool has_g =
      out.activation != Activation::softmax && (out.activation != Activation::identity || out.z != out.g);
  for (std::size_t first = i0; first < i1; first += column_rows) {
    const std::size_t m = i1 - first < column_rows ? i1 - first : column_rows;
    std::size_t i = 0;
    for (; i + 4 * n <= m; i += 4 * n) dot_block<T, 4>(a_in, w, first + i, z + i);
    for (; i + n <= m; i += n) dot_block<T, 1>(a_in, w, first + i, z + i);
    for (; i < m; ++i) z[i] = dot_row<T>(a_in, w, first + i);
    const std::size_t size = round_up(m, n);
    for (i = 0; i < size; i += n)
      store<T>(z + i, without_small<T>(load(z + i) + broadcast<T>(bias), broadcast<T>(out.small)));
    if (has_g) {
      if (out.watched) refuse_infinite<T>(z, size);
      activate<T>(out.activation, z, g, size, out.small);
      for (i = 0; i < m; ++i) out.g[(first + i) * chunk<T>] = g[i];
    }
    if (T* const kept = out.z ? out.z : (has_g ? nullptr : out.g))
      for (i = 0; i < m; ++i) kept[(first + i) * chunk<T>] = z[i];
  }
}

// dense_delta where W has one column: every row of delta @ W.T is W times a number, and the pullback of a rectifier is
// applied where its g is given
template <class T, bool relu>
CHAINRULE_INLINE void multiply_row(T d, const T* w, const T* g, T* out, std::size_t n, Vector<T> least) {
  for (std::size_t j = 0; j < n; j += lanes<T>) {
    Vector<T> x = fma_(broadcast<T>(d), load(w + j), broadcast<T>(0));
    if constexpr (relu) x = Relu<T>::pullback(x, load(g + j), x);
    store<T>(out + j, without_small<T>(x, least));
  }
}
template <class T>
[[gnu::noinline]] void column_delta(const T* delta, Panels<const T> W, const T* g, Panels<T> out, T small,
                                    std::size_t i0, std::size_t i1) {
  const Vector<T> least = broadcast<T>(small);
  for (std::size_t p = 0; p < n_panels<T>(out.columns); ++p) {
    const std::size_t width = panel_width<T>(out.columns, p), start = panel_start<T>(out.rows, p);
    const std::size_t n_columns = columns_of<T>(out.columns, p), n = round_up(n_columns, lanes<T>);
    alignas(64) T w[panel<T>] = {};
    for (std::size_t j = 0; j < n_columns; ++j) w[j] = W.data[(p * panel<T> + j) * chunk<T>];
    for (std::size_t i = i0; i < i1; ++i) {
      const std::size_t at = start + i * width;
      if (g)
        multiply_row<T, true>(delta[i * chunk<T>], w, g + at, out.data + at, n, least);
      else
        multiply_row<T, false>(delta[i * chunk<T>], w, nullptr, out.data + at, n, least);
    }
  }
}

// dW of V vectors of inputs, from input r of a panel on; f(dW, input)
template <class T, int V, class F>
CHAINRULE_INLINE void column_gradient_strip(const T* a, std::size_t width, const T* delta, std::size_t n, std::size_t r,
                                            const F& f) {
  Vector<T> sum[V];
  CHAINRULE_UNROLL
  for (int v = 0; v < V; ++v) sum[v] = broadcast<T>(0);
  const T* x = a + r;
  for (std::size_t i = 0; i < n; ++i, x += width, delta += chunk<T>) {
    const Vector<T> d = broadcast<T>(*delta);
    CHAINRULE_UNROLL
    for (int v = 0; v < V; ++v) sum[v] = fma_(load(x + static_cast<std::size_t>(v) * lanes<T>), d, sum[v]);
  }
  CHAINRULE_UNROLL
  for (int v = 0; v < V; ++v) f(sum[v], r + static_cast<std::size_t>(v) * lanes<T>);
}

// dW = a_in.T @ delta for inputs r0 … r1, delta of one column; f(dW of a vector of inputs, the first of them, the
// range of those that belong to r0 … r1)
template <class T, class F>
CHAINRULE_INLINE void column_gradient(Panels<const T> a_in, const T* delta, RowRange rows, std::size_t r0,
                                      std::size_t r1, const F& f) {
  const std::size_t n = rows.n;
  delta += rows.first * chunk<T>;
  for_panels<T>(r0, r1, [&](std::size_t p, std::size_t first, std::size_t end) {
    const std::size_t width = panel_width<T>(a_in.columns, p), base = p * panel<T>;
    const T* const a = a_in.data + panel_start<T>(a_in.rows, p) + rows.first * width;
    const auto shifted = [&](Vector<T> g, std::size_t r) CHAINRULE_LAMBDA { f(g, base + r, base + first, base + end); };
    std::size_t r = first / lanes<T> * lanes<T>;
    const auto left = [&] { return r < end ? (end - r + lanes<T> - 1) / lanes<T> : 0; };
    for (; left() >= 8; r += 8 * lanes<T>) column_gradient_strip<T, 8>(a, width, delta, n, r, shifted);
    if (left() >= 4) column_gradient_strip<T, 4>(a, width, delta, n, r, shifted), r += 4 * lanes<T>;
    if (left() >= 2) column_gradient_strip<T, 2>(a, width, delta, n, r, shifted), r += 2 * lanes<T>;
    for (; left() > 0; r += lanes<T>) column_gradient_strip<T, 1>(a, width, delta, n, r, shifted);
  });
}

template <class T>
[[gnu::noinline]] void store_column_gradient(Panels<const T> a_in, const T* delta, RowRange rows, T* gradient,
                                             std::size_t r0, std::size_t r1) {
  column_gradient<T>(a_in, delta, rows, r0, r1,
                     [&](Vector<T> g, std::size_t r, std::size_t first, std::size_t end) CHAINRULE_LAMBDA {
                       alignas(64) T x[lanes<T>];
                       store<T>(x, g);
                       for (std::size_t k = 0; k < lanes<T>; ++k)
                         if (r + k >= first && r + k < end) gradient[(r + k) * chunk<T>] = x[k];
                     });
}

// The update of a vector of inputs; one that does not belong is replaced by its neighbour and is not written.
template <class T, class Law>
[[gnu::noinline]] void update_column(Panels<const T> a_in, const T* delta, RowRange rows, Trained<T> W,
                                     const Rule<T>& rule, std::size_t r0, std::size_t r1, T* check) {
  const Law law(rule);
  Vector<T> watch = load(check);
  column_gradient<T>(a_in, delta, rows, r0, r1,
                     [&](Vector<T> g, std::size_t r, std::size_t begin, std::size_t end) CHAINRULE_LAMBDA {
                       alignas(64) T theta[lanes<T>], first[lanes<T>], second[lanes<T>], gradient[lanes<T>];
                       std::size_t at[lanes<T>];
                       store<T>(gradient, g);
                       for (std::size_t k = 0; k < lanes<T>; ++k) {
                         const std::size_t own = r + k < begin ? begin : (r + k < end ? r + k : end - 1);
                         at[k] = own * chunk<T>;
                         gradient[k] = gradient[own - r];
                         theta[k] = W.theta[at[k]];
                         if constexpr (Law::n_arrays > 0) first[k] = W.first[at[k]];
                         if constexpr (Law::n_arrays > 1) second[k] = W.second[at[k]];
                       }
                       Vector<T> w = load(theta);
                       g = load(gradient);
                       if (rule.l2 != 0) g = with_l2<T>(g, w, rule.l2);
                       w = law.step(g, w, first, second, watch);
                       store<T>(theta, w);
                       for (std::size_t k = 0; k < lanes<T>; ++k) {
                         W.theta[at[k]] = theta[k];
                         if constexpr (Law::n_arrays > 0) W.first[at[k]] = first[k];
                         if constexpr (Law::n_arrays > 1) W.second[at[k]] = second[k];
                       }
                       watch = watched<T>(watch, w);
                     });
  store<T>(check, watch);
}

}  // namespace
}  // namespace chainrule
