// Mirrors reference/optimizers.py: every rule acts on each parameter alone, here on a vector of them.
// The corrections of Adam, 1/(1 - beta^t), are formed once a step in double.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace chainrule {
namespace {

// Sums w - w: anything but 0 afterwards indicates a non-finite number. (Additions leave the multipliers to the
// product.)
template <class T> CHAINRULE_INLINE Vector<T> watched(Vector<T> sum, Vector<T> w) { return sum + (w - w); }

// Each rule: theta of the next step from g; its arrays in `first` and `second` are updated in place. Where v is divided
// by, it is watched too: one that overflowed makes every later step 0 and leaves theta finite.
template <class T> struct Sgd {
  using V = Vector<T>;
  static constexpr int n_arrays = 0;
  V eta;
  CHAINRULE_INLINE explicit Sgd(const Rule<T>& r) : eta(broadcast<T>(r.eta)) {}
  CHAINRULE_INLINE V step(V g, V theta, T*, T*, V&) const { return fma_(-eta, g, theta); }
};

template <class T, bool nesterov> struct Momentum {
  using V = Vector<T>;
  V eta, momentum;
  CHAINRULE_INLINE explicit Momentum(const Rule<T>& r) : eta(broadcast<T>(r.eta)), momentum(broadcast<T>(r.momentum)) {}
  CHAINRULE_INLINE V step(V g, V theta, T* first, T*, V&) const {
    const V v = fma_(momentum, load(first), g);
    store<T>(first, v);
    return fma_(-eta, nesterov ? fma_(momentum, v, g) : v, theta);
  }
};

// The learning rate is inside the velocity; first holds v.
template <class T, bool nesterov> struct Sutskever {
  using V = Vector<T>;
  V eta, momentum;
  CHAINRULE_INLINE explicit Sutskever(const Rule<T>& r)
      : eta(broadcast<T>(r.eta)), momentum(broadcast<T>(r.momentum)) {}
  CHAINRULE_INLINE V step(V g, V theta, T* first, T*, V&) const {
    const V v = fma_(momentum, load(first), -(eta * g));
    store<T>(first, v);
    return theta + (nesterov ? fma_(momentum, v, -(eta * g)) : v);
  }
};

template <class T> struct RmsProp {
  using V = Vector<T>;
  V eta, rho, rest, epsilon;
  CHAINRULE_INLINE explicit RmsProp(const Rule<T>& r)
      : eta(broadcast<T>(r.eta)), rho(broadcast<T>(r.rho)), rest(broadcast<T>(r.rho_rest)),
        epsilon(broadcast<T>(r.epsilon)) {}
  CHAINRULE_INLINE V step(V g, V theta, T* first, T*, V& sum) const {
    const V v = fma_(rho, load(first), rest * (g * g));
    store<T>(first, v);
    sum = watched<T>(sum, v);
    return theta - eta * g / (sqrt_(v) + epsilon);
  }
};

template <class T> struct Adagrad {
  using V = Vector<T>;
  V eta, epsilon;
  CHAINRULE_INLINE explicit Adagrad(const Rule<T>& r) : eta(broadcast<T>(r.eta)), epsilon(broadcast<T>(r.epsilon)) {}
  CHAINRULE_INLINE V step(V g, V theta, T* first, T*, V& sum) const {
    const V v = fma_(g, g, load(first));
    store<T>(first, v);
    sum = watched<T>(sum, v);
    return theta - eta * g / (sqrt_(v) + epsilon);
  }
};

template <class T> struct Adam {
  using V = Vector<T>;
  static constexpr int n_arrays = 2;
  const Rule<T>& r;
  CHAINRULE_INLINE explicit Adam(const Rule<T>& rule) : r(rule) {}
  CHAINRULE_INLINE V step(V g, V theta, T* first, T* second, V& sum) const {
    const V m = fma_(broadcast<T>(r.beta1), load(first), broadcast<T>(r.beta1_rest) * g);
    const V v = fma_(broadcast<T>(r.beta2), load(second), broadcast<T>(r.beta2_rest) * (g * g));
    store<T>(first, m);
    store<T>(second, v);
    sum = watched<T>(sum, v);
    const V root = sqrt_(v * broadcast<T>(r.v_correction)) + broadcast<T>(r.epsilon);
    return theta - broadcast<T>(r.step_size) * m / root;
  }
};

template <class T> struct AdamW : Adam<T> {
  using V = Vector<T>;
  using Adam<T>::Adam;
  CHAINRULE_INLINE V step(V g, V theta, T* first, T* second, V& sum) const {
    return Adam<T>::step(g, fma_(-broadcast<T>(this->r.decay), theta, theta), first, second, sum);
  }
};

// Numbers that decayed below small become 0: what is left of a parameter or an array, before it is subnormal. Memory is
// written only where something changes, by blocks.
template <class T> void settle(T* x, T small, std::size_t n) {
  constexpr std::size_t block = 16 * lanes<T>;
  const Vector<T> least = broadcast<T>(small);
  for (std::size_t i = 0; i < n; i += block) {
    const std::size_t end = i + block < n ? i + block : n;
    Integers<T> changed{};
    for (std::size_t k = i; k < end; k += lanes<T>)
      changed = changed | (bits<T>(load(x + k)) ^ bits<T>(without_small<T>(load(x + k), least)));
    alignas(64) Word<T> words[lanes<T>];
    __builtin_memcpy(words, &changed, sizeof words);
    Word<T> any = 0;
    for (std::size_t k = 0; k < lanes<T>; ++k) any |= words[k];
    if (any == 0) continue;
    for (std::size_t k = i; k < end; k += lanes<T>) store<T>(x + k, without_small<T>(load(x + k), least));
  }
}

template <class T, class Law> void update_all(Trained<T> part, const Law law, T shorten, std::size_t n, T* check) {
  Vector<T> sum = load(check);
  for (std::size_t i = 0; i < n; i += lanes<T>) {
    Vector<T> g = load(part.gradient + i);
    if (shorten != 1) {
      g = g * broadcast<T>(shorten);
      store<T>(part.gradient + i, g);
    }
    const Vector<T> w = law.step(g, load(part.theta + i), part.first + i, part.second + i, sum);
    store<T>(part.theta + i, w);
    sum = watched<T>(sum, w);
  }
  store<T>(check, sum);
}

template <class T> void update(Trained<T> part, const Rule<T>* rule, std::size_t n, T* check) {
  const Rule<T>& r = *rule;
  if (!part.first) part.first = part.theta;  // never read: the rule keeps no such array
  if (!part.second) part.second = part.theta;
  switch (r.optimizer) {
    case Optimizer::sgd: return update_all(part, Sgd<T>(r), r.shorten, n, check);
    case Optimizer::momentum: return update_all(part, Momentum<T, false>(r), r.shorten, n, check);
    case Optimizer::nesterov: return update_all(part, Momentum<T, true>(r), r.shorten, n, check);
    case Optimizer::rmsprop: return update_all(part, RmsProp<T>(r), r.shorten, n, check);
    case Optimizer::adagrad: return update_all(part, Adagrad<T>(r), r.shorten, n, check);
    case Optimizer::sutskever: return update_all(part, Sutskever<T, false>(r), r.shorten, n, check);
    case Optimizer::sutskever_nesterov: return update_all(part, Sutskever<T, true>(r), r.shorten, n, check);
    case Optimizer::adam_epsilon_hat:  // Adam with other numbers in step_size and v_correction
    case Optimizer::adam: return update_all(part, Adam<T>(r), r.shorten, n, check);
    case Optimizer::adamw: return update_all(part, AdamW<T>(r), r.shorten, n, check);
  }
}

}  // namespace
}  // namespace chainrule
