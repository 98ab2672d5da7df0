// A node's own part of both passes, apart from products: g, the mask and residual sums, forward next to backward.
#pragma once

#include "activations.hpp"
#include "kernels.hpp"

namespace chainrule {
namespace {

template <class T> void multiply(T* x, const T* mask, const T* by, std::size_t n) {
  for (std::size_t i = 0; i < n; i += lanes<T>) store<T>(x + i, load(mask + i) * load(by + i));
}

// A node's own part of both passes, for n numbers from `first` on ----------------------------------------

// g(z), ⊙ mask; softmax waits for its whole row
template <class T> CHAINRULE_INLINE void finish(const Activated<T>& out, T* z, std::size_t first, std::size_t n) {
  if (out.watched) refuse_infinite<T>(z + first, n);
  if (out.activation != Activation::softmax && (out.activation != Activation::identity || z != out.g))
    activate<T>(out.activation, z + first, out.g + first, n, out.small);
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
    pullback<T>(node.activation, node.z ? node.z + first : nullptr, node.g + first, x, out, n, node.small_delta);
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

// out = x + alpha ⊙ difference, one alpha a column
template <class T>
void blend_rows(Panels<T> shape, const T* x, const T* difference, const T* alpha, T* out, T small, std::size_t i0,
                std::size_t i1) {
  const Vector<T> least = broadcast<T>(small);
  for (std::size_t p = 0; p < n_panels<T>(shape.columns); ++p) {
    const std::size_t width = panel_width<T>(shape.columns, p), start = panel_start<T>(shape.rows, p);
    for (std::size_t i = i0; i < i1; ++i)
      for (std::size_t c = 0; c < width; c += lanes<T>) {
        const std::size_t at = start + i * width + c;
        const Vector<T> moved = fma_(load(alpha + p * panel<T> + c), load(difference + at), load(x + at));
        store<T>(out + at, without_small<T>(moved, least));
      }
  }
}

template <class T> void subtract(T* out, const T* x, const T* y, std::size_t n) {
  for (std::size_t i = 0; i < n; i += lanes<T>) store<T>(out + i, load(x + i) - load(y + i));
}

// u = z + alpha ⊙ (g(z) - z), ⊙ mask
template <class T>
void parametric_forward(Panels<T> shape, Activation activation, const T* z, const T* alpha, T* g, T* difference,
                        Activated<T> out, std::size_t i0, std::size_t i1) {
  T* const u = out.z ? out.z : out.g;
  for_panel_rows<T>(shape, i0, i1, [&](std::size_t first, std::size_t n) {
    activate<T>(activation, z + first, g + first, n, T(0));
    subtract<T>(difference + first, g + first, z + first, n);
  });
  blend_rows<T>(shape, z, difference, alpha, u, out.small, i0, i1);
  for_panel_rows<T>(shape, i0, i1, [&](std::size_t first, std::size_t n) { finish<T>(out, u, first, n); });
}

// delta = du + alpha ⊙ (pullback(du) - du)
template <class T>
void parametric_backward(Panels<T> shape, Activation activation, const T* z, const T* g, const T* alpha, const T* du,
                         T* delta, T small, std::size_t i0, std::size_t i1) {
  for_panel_rows<T>(shape, i0, i1, [&](std::size_t first, std::size_t n) {
    pullback<T>(activation, z + first, g + first, du + first, delta + first, n, T(0));
    subtract<T>(delta + first, delta + first, du + first, n);
  });
  blend_rows<T>(shape, du, delta, alpha, delta, small, i0, i1);
}

// out = x ⊙ scale
template <class T>
void scale_rows(Panels<T> shape, const T* x, const T* scale, T* out, T small, std::size_t i0, std::size_t i1) {
  const Vector<T> least = broadcast<T>(small);
  for (std::size_t p = 0; p < n_panels<T>(shape.columns); ++p) {
    const std::size_t width = panel_width<T>(shape.columns, p), start = panel_start<T>(shape.rows, p);
    for (std::size_t i = i0; i < i1; ++i)
      for (std::size_t c = 0; c < width; c += lanes<T>) {
        const std::size_t at = start + i * width + c;
        store<T>(out + at, without_small<T>(load(x + at) * load(scale + p * panel<T> + c), least));
      }
  }
}

// a = a_in + h
template <class T>
void residual_forward(Panels<T> shape, const T* a_in, const T* h, T* a, std::size_t i0, std::size_t i1) {
  for_panel_rows<T>(shape, i0, i1,
                    [&](std::size_t first, std::size_t n) { add<T>(a + first, a_in + first, h + first, n); });
}

}  // namespace
}  // namespace chainrule
