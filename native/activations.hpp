// Mirrors reference/activations.py: g, its pullback and how it bends, elementwise on vectors. Softmax, which
// mixes the units of a row, is in losses.hpp next to the sums over a row.
#pragma once

#include "elementary.hpp"
#include "kernels.hpp"

namespace chainrule {
namespace {

template <class T> struct Identity {
  using V = Vector<T>;
  static CHAINRULE_INLINE V g(V z) { return z; }
  static CHAINRULE_INLINE V pullback(V, V, V da) { return da; }
  static CHAINRULE_INLINE V bend(V, V, V da, V Rz) { return da * Rz * broadcast<T>(0); }
};

// z > 0 and a > 0 are the same in the rectifiers below, so the pullbacks read a and z need not be kept.
template <class T> struct Relu {
  using V = Vector<T>;
  static CHAINRULE_INLINE V g(V z) { return above(z, broadcast<T>(0)); }
  static CHAINRULE_INLINE V above(V z, V least) { return z < least ? broadcast<T>(0) : z; }  // NaN stays
  static CHAINRULE_INLINE V pullback(V, V a, V da) { return a > broadcast<T>(0) ? da : da * broadcast<T>(0); }
  static CHAINRULE_INLINE V bend(V, V, V da, V Rz) { return da * Rz * broadcast<T>(0); }
};
template <class T> struct LeakyRelu {
  using V = Vector<T>;
  static constexpr T leak = T(0.01);
  static CHAINRULE_INLINE V g(V z) { return z > broadcast<T>(0) ? z : broadcast<T>(leak) * z; }
  static CHAINRULE_INLINE V pullback(V, V a, V da) { return a > broadcast<T>(0) ? da : broadcast<T>(leak) * da; }
  static CHAINRULE_INLINE V bend(V, V, V da, V Rz) { return da * Rz * broadcast<T>(0); }
};
template <class T> struct Elu {
  using V = Vector<T>;
  static CHAINRULE_INLINE V g(V z) { return z > broadcast<T>(0) ? z : expm1_<T>(z); }
  static CHAINRULE_INLINE V pullback(V, V a, V da) { return a > broadcast<T>(0) ? da : da * (a + broadcast<T>(1)); }
  static CHAINRULE_INLINE V bend(V, V a, V da, V Rz) {
    return da * Rz * (a > broadcast<T>(0) ? broadcast<T>(0) : a + broadcast<T>(1));
  }
};
template <class T> struct Selu {
  using V = Vector<T>;
  static constexpr T scale = T(1.0507009873554805), alpha = T(1.6732632423543772);
  static constexpr T scale_alpha = T(1.0507009873554805 * 1.6732632423543772);
  static CHAINRULE_INLINE V g(V z) {
    return broadcast<T>(scale) * (z > broadcast<T>(0) ? z : broadcast<T>(alpha) * expm1_<T>(z));
  }
  static CHAINRULE_INLINE V pullback(V, V a, V da) {
    return a > broadcast<T>(0) ? broadcast<T>(scale) * da : da * (a + broadcast<T>(scale_alpha));
  }
  static CHAINRULE_INLINE V bend(V, V a, V da, V Rz) {
    return da * Rz * (a > broadcast<T>(0) ? broadcast<T>(0) : a + broadcast<T>(scale_alpha));
  }
};

template <class T> struct Sigmoid {
  using V = Vector<T>;
  static CHAINRULE_INLINE V g(V z) { return sigmoid_<T>(z); }
  static CHAINRULE_INLINE V pullback(V, V a, V da) { return da * (a * (broadcast<T>(1) - a)); }
  static CHAINRULE_INLINE V bend(V, V a, V da, V Rz) {
    const V rest = broadcast<T>(1) - a;
    return da * Rz * (a * rest * (rest - a));
  }
};
template <class T> struct Tanh {
  using V = Vector<T>;
  static CHAINRULE_INLINE V g(V z) { return tanh_<T>(z); }
  static CHAINRULE_INLINE V pullback(V, V a, V da) { return da * fma_(-a, a, broadcast<T>(1)); }
  static CHAINRULE_INLINE V bend(V, V a, V da, V Rz) {
    return da * Rz * (broadcast<T>(-2) * a * fma_(-a, a, broadcast<T>(1)));
  }
};
template <class T> struct Softplus {
  using V = Vector<T>;
  static CHAINRULE_INLINE V g(V z) { return softplus_<T>(z); }
  static CHAINRULE_INLINE V pullback(V z, V, V da) { return da * sigmoid_<T>(z); }
  static CHAINRULE_INLINE V bend(V z, V, V da, V Rz) {
    const V s = sigmoid_<T>(z);
    return da * Rz * (s * (broadcast<T>(1) - s));
  }
};

template <class T> struct Silu {
  using V = Vector<T>;
  static CHAINRULE_INLINE V g(V z) { return z * sigmoid_<T>(z); }
  static CHAINRULE_INLINE V pullback(V z, V a, V da) {
    const V s = sigmoid_<T>(z);
    return da * fma_(a, broadcast<T>(1) - s, s);
  }
  static CHAINRULE_INLINE V bend(V z, V, V da, V Rz) {
    const V s = sigmoid_<T>(z), rest = broadcast<T>(1) - s;
    return da * Rz * (s * rest * fma_(z, rest - s, broadcast<T>(2)));
  }
};
template <class T> struct Mish {
  using V = Vector<T>;
  static CHAINRULE_INLINE V g(V z) { return z * tanh_<T>(softplus_<T>(z)); }
  static CHAINRULE_INLINE V pullback(V z, V, V da) {
    const V t = tanh_<T>(softplus_<T>(z));
    return da * fma_(z * fma_(-t, t, broadcast<T>(1)), sigmoid_<T>(z), t);
  }
  static CHAINRULE_INLINE V bend(V z, V, V da, V Rz) {
    const V t = tanh_<T>(softplus_<T>(z)), s = sigmoid_<T>(z), one = broadcast<T>(1);
    return da * Rz * (fma_(-t, t, one) * s * fma_(z, one - s - broadcast<T>(2) * t * s, broadcast<T>(2)));
  }
};
template <class T> struct Gelu {
  using V = Vector<T>;
  static CHAINRULE_INLINE V g(V z) { return z * normal_distribution<T>(z); }
  static CHAINRULE_INLINE V pullback(V z, V, V da) {
    const V near = at_least<T>(at_most<T>(z, T(40)), T(-40));  // the density is 0 beyond; z² must not overflow
    const V density = broadcast<T>(T(0.3989422804014327)) * exp_<T>(broadcast<T>(T(-0.5)) * near * near);
    return da * fma_(near, density, normal_distribution<T>(z));
  }
  static CHAINRULE_INLINE V bend(V z, V, V da, V Rz) {
    const V near = at_least<T>(at_most<T>(z, T(40)), T(-40)), square = near * near;
    const V density = broadcast<T>(T(0.3989422804014327)) * exp_<T>(broadcast<T>(T(-0.5)) * square);
    return da * Rz * (density * (broadcast<T>(2) - square));
  }
};
template <class T> struct Exponential {
  using V = Vector<T>;
  static CHAINRULE_INLINE V g(V z) { return exp_<T>(at_most<T>(z, Terms<T>::exponential_top)); }
  static CHAINRULE_INLINE V pullback(V, V a, V da) { return da * a; }
  static CHAINRULE_INLINE V bend(V, V a, V da, V Rz) { return da * Rz * a; }
};

// Calls f with an object of the activation's type.
template <class T, class F> CHAINRULE_INLINE void with_activation(Activation activation, const F& f) {
  switch (activation) {
    case Activation::identity: return f(Identity<T>());
    case Activation::relu: return f(Relu<T>());
    case Activation::leaky_relu: return f(LeakyRelu<T>());
    case Activation::elu: return f(Elu<T>());
    case Activation::selu: return f(Selu<T>());
    case Activation::gelu: return f(Gelu<T>());
    case Activation::silu: return f(Silu<T>());
    case Activation::mish: return f(Mish<T>());
    case Activation::softplus: return f(Softplus<T>());
    case Activation::sigmoid: return f(Sigmoid<T>());
    case Activation::tanh: return f(Tanh<T>());
    case Activation::exponential: return f(Exponential<T>());
    case Activation::softmax: return;
  }
}

// NaN in place of infinite numbers, where there is one
template <class T> [[gnu::noinline]] void refuse_infinite(T* z, std::size_t n) {
  Vector<T> sum = broadcast<T>(0);
  for (std::size_t i = 0; i < n; i += lanes<T>) sum = sum + (load(z + i) - load(z + i));
  alignas(64) T sums[lanes<T>];
  store<T>(sums, sum);
  T total = 0;
  for (std::size_t k = 0; k < lanes<T>; ++k) total += sums[k];
  if (total == 0) return;
  for (std::size_t i = 0; i < n; i += lanes<T>) store<T>(z + i, load(z + i) + (load(z + i) - load(z + i)));
}

template <class T> [[gnu::noinline]] void activate(Activation activation, const T* z, T* a, std::size_t n, T small) {
  with_activation<T>(activation, [=](auto entry) {
    const Vector<T> least = broadcast<T>(small);
    for (std::size_t i = 0; i < n; i += lanes<T>) store<T>(a + i, without_small<T>(entry.g(load(z + i)), least));
  });
}

template <class T>
[[gnu::noinline]] void pullback(Activation activation, const T* z, const T* a, const T* da, T* delta, std::size_t n,
                                T small) {
  const T* const z_or_a = z ? z : a;  // an entry that reads z is given z
  with_activation<T>(activation, [=](auto entry) {
    const Vector<T> least = broadcast<T>(small);
    for (std::size_t i = 0; i < n; i += lanes<T>)
      store<T>(delta + i, without_small<T>(entry.pullback(load(z_or_a + i), load(a + i), load(da + i)), least));
  });
}

// delta += da ⊙ g″(z) ⊙ Rz
template <class T>
[[gnu::noinline]] void bend(Activation activation, const T* z, const T* a, const T* da, const T* Rz, T* delta,
                            std::size_t n) {
  with_activation<T>(activation, [=](auto entry) {
    for (std::size_t i = 0; i < n; i += lanes<T>)
      store<T>(delta + i, load(delta + i) + entry.bend(load(z + i), load(a + i), load(da + i), load(Rz + i)));
  });
}

}  // namespace
}  // namespace chainrule
