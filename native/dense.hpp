// dense_forward and dense_delta of reference/layers.py on the panel layout: one product each, whose tiles leave the
// registers through an epilogue that adds b and applies g, or applies the pullback of a rectifier.
#pragma once

#include "activations.hpp"
#include "gemm.hpp"
#include "kernels.hpp"
#include "nodes.hpp"
#include "single_output.hpp"

namespace chainrule {
namespace {

// Epilogues of a @ W and delta @ W.T: what is stored of a tile whose first row is i.
template <class T, bool with_bias, bool relu> struct StoreRows {
  const T* bias;    // of the strip's columns
  const T* masked;  // relu backward: g of the layer below, where the strip begins
  T* sums;          // where it begins in the output
  std::size_t stride;
  T small;  // numbers below it count as 0
  template <int> CHAINRULE_INLINE void ahead(std::size_t) const {}
  template <int R, int V> CHAINRULE_INLINE void operator()(Tile<T, R, V>& t, std::size_t i) const {
    const StoreRows own = *this;  // a store could alias the members: in a copy they stay in registers
    const Vector<T> least = broadcast<T>(own.small);
    CHAINRULE_UNROLL
    for (int r = 0; r < R; ++r) {
      const std::size_t row = (i + static_cast<std::size_t>(r)) * own.stride;
      CHAINRULE_UNROLL
      for (int v = 0; v < t.vectors; ++v) {
        const std::size_t c = static_cast<std::size_t>(v) * lanes<T>;
        Vector<T> x = t.c[r][v];
        if constexpr (with_bias) {
          x = x + load(own.bias + c);
          x = relu ? Relu<T>::above(x, least) : without_small<T>(x, least);
        } else {
          if constexpr (relu) x = Relu<T>::pullback(x, load(own.masked + row + c), x);
          x = without_small<T>(x, least);
        }
        store<T>(own.sums + row + c, x);
      }
    }
  }
};

// dense_forward: z = a_in @ W + b, g(z), ⊙ mask, for rows i0 … i1 -----------------------------------

// The rows k0 … k1 of a strip of V vectors, side by side, on the stack.
template <class T, int V> struct Strip {
  static constexpr std::size_t width = V * lanes<T>;
  alignas(64) T data[part_columns * width];
};

template <class T, bool relu>
void forward_panel(Panels<const T> a_in, Panels<const T> W, std::size_t p, const T* b, T* out, Part part, T small,
                   bool packed) {
  const std::size_t width = panel_width<T>(W.columns, p);
  const T *const W_p = W.data + panel_start<T>(W.rows, p), *const b_p = b + p * panel<T>;
  for_strips<T>(columns_of<T>(W.columns, p), part.i1 - part.i0, [&](auto vectors, std::size_t column) {
    constexpr int V = decltype(vectors)::value;
    const StoreRows<T, true, relu> epilogue{b_p + column, nullptr, out + column, width, small};
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
        forward_panel<T, true>(a_in, W, p, b, out.g + start, part, out.small, packed);
        if (part.last && out.mask) multiply<T>(out.a + first, out.g + first, out.mask + first, n);
      } else {
        T* const z = out.z ? out.z : out.g;
        forward_panel<T, false>(a_in, W, p, b, z + start, part, out.small, packed);
        if (part.last) finish<T>(out, z, first, n);
      }
    }
  });
}

// dense_delta: delta of the node below = pullback(z, g, (delta @ W.T + pending) ⊙ mask), rows i0 … i1 ----

template <class T, bool relu>
void delta_panel(Panels<const T> delta, Panels<const T> W, std::size_t p, const T* g, T* out, Part part, T small,
                 T* scratch, bool packed) {
  const std::size_t width = panel_width<T>(W.rows, p);
  if (!packed) transpose<T>(W, p * panel<T>, width, 0, W.columns, scratch);
  for_strips<T>(columns_of<T>(W.rows, p), part.i1 - part.i0, [&](auto vectors, std::size_t column) {
    constexpr int V = decltype(vectors)::value;
    const StoreRows<T, false, relu> epilogue{nullptr, relu ? g + column : nullptr, out + column, width, small};
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
  const bool relu = below.activation == Activation::relu && !below.mask && !below.pending;
  if (W.columns == 1) {
    column_delta<T>(delta.data, W, relu ? below.g : nullptr, out, below.small_delta, i0, i1);
    if (!relu)
      for_panel_rows<T>(out, i0, i1,
                        [&](std::size_t at, std::size_t n) { pull_back<T>(below, out.data, out.data, at, n); });
    return;
  }
  const bool packed = in_parts<T>(i1 - i0, W.columns);
  for_parts(packed, i0, i1, W.columns, [&](Part part) {
    for (std::size_t p = 0; p < n_panels<T>(out.columns); ++p) {
      const std::size_t width = panel_width<T>(out.columns, p), start = panel_start<T>(out.rows, p);
      T* const d = out.data + start;
      if (relu) {
        delta_panel<T, true>(delta, W, p, below.g + start, d, part, below.small_delta, scratch, packed);
        continue;
      }
      delta_panel<T, false>(delta, W, p, nullptr, d, part, below.small_delta, scratch, packed);
      if (part.last) pull_back<T>(below, out.data, out.data, start + part.i0 * width, (part.i1 - part.i0) * width);
    }
  });
}

}  // namespace
}  // namespace chainrule
