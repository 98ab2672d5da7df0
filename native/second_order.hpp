// Mirrors reference/second_order.py: the product of the Hessian of J with a vector, by the R-operator.
//
// Both passes are done once, for the rows they are about; every product is one more pass of each kind, made of
// the kernels of the first order. R{x} is the derivative of x as the parameters move along v, written Rx.
#pragma once

#include <vector>

#include "passes.hpp"

namespace chainrule {

template <class T> class SecondOrder {
 public:
  // n rows of X and their targets in the plain layout; scale: w_i / Σw
  SecondOrder(const Kernels<T>& kernels, std::vector<Layer> layers, Loss loss, const T* theta, const T* X,
              std::size_t n, Targets<T> targets, const T* scale, const Record<T>& out)
      : passes_(kernels, std::move(layers), loss, n, 1), n_(n), v_(net().n_parameters), Hv_(net().n_parameters),
        zeros_(padded_columns<T>(widest())), products_(n_elements<T>(n, widest())), scratch_(net().scratch_size()),
        scale_(n) {
    std::copy_n(scale, n, scale_.get());
    if (targets.labels) {
      labels_ = Buffer<std::int32_t>(n);
      std::copy_n(targets.labels, n, labels_.get());
    } else {
      y_ = Buffer<T>(n_elements<T>(n, net().n_outputs()));
      to_panels<T>(targets.y, {y_.get(), n, net().n_outputs()}, n);
    }
    passes_.load(theta);
    loss_ = passes_.backward(X, n, targets, scale, out);
    for (std::size_t l = 0; l < net().n_layers(); ++l) states_.push_back(make_state(l));
    const FloatingMode mode;
    for (std::size_t l = net().n_layers() - 1; l > 0; --l) {
      below(l, net().passed(l).delta, passes_.theta(), states_[l - 1].da.get());
      if (net().layers[l].residual) add(l - 1, states_[l - 1].da.get(), states_[l].da.get());
    }
  }

  double loss() const { return loss_; }

  // H·v, both in the plain layout
  void product(const T* v, T* Hv) {
    const FloatingMode mode;
    net().load(v, v_.get());
    for (std::size_t l = 0; l < net().n_layers(); ++l) R_forward(l);
    R_batch_loss();
    for (std::size_t l = net().n_layers(); l-- > 0;) R_backward(l);
    net().store(Hv_.get(), Hv);
  }

 private:
  // What a layer has of the second order; u, x̂ and what follows them only where it is normalised.
  struct State {
    Buffer<T> da, Rz, Ra, Rdelta, Rda;
    Buffer<T> x_hat, inverse, Ru, Rx_hat, Rroot, Rdu;
    Buffer<T> RW;  // the second product of dW
  };

  const Network<T>& net() const { return passes_.network; }
  std::size_t widest() const {
    std::size_t widest = 0;
    for (const Layer& layer : net().layers) widest = std::max({widest, layer.n_in, layer.n_out});
    return widest;
  }
  bool is_normalised(std::size_t l) const { return net().layers[l].normalization == Normalization::layer; }
  Panels<T> shape(std::size_t l, T* data = nullptr) const { return {data, n_, net().layers[l].n_out}; }
  Panels<const T> rows(std::size_t columns, const T* data) const { return {data, n_, columns}; }
  Panels<const T> weights(std::size_t l, const T* vector) const {
    return {vector + net().start(l, 0), net().layers[l].n_in, net().layers[l].n_out};
  }
  static Activated<T> plain(T* out) { return {Activation::identity, nullptr, out, out, nullptr, nullptr}; }
  Activated<T> activated(std::size_t l) const {
    const auto p = net().passed(l);
    return {
        net().layers[l].activation, const_cast<T*>(p.u), const_cast<T*>(p.g), const_cast<T*>(p.g), nullptr, nullptr};
  }

  State make_state(std::size_t l) {
    State s;
    const std::size_t n = n_elements<T>(n_, net().layers[l].n_out);
    for (Buffer<T>* buffer : {&s.da, &s.Rz, &s.Ra, &s.Rdelta, &s.Rda}) *buffer = Buffer<T>(n);
    if (l > 0) s.RW = Buffer<T>(n_elements<T>(net().layers[l].n_in, net().layers[l].n_out));
    if (!is_normalised(l)) return s;
    for (Buffer<T>* buffer : {&s.x_hat, &s.Ru, &s.Rx_hat, &s.Rdu}) *buffer = Buffer<T>(n);
    s.inverse = Buffer<T>(n_), s.Rroot = Buffer<T>(n_);
    const T *gain = passes_.theta() + net().start(l, 2), *shift = passes_.theta() + net().start(l, 3);
    net().k.layer_norm_forward(shape(l), net().passed(l).z, gain, shift, s.x_hat.get(), s.inverse.get(),
                               plain(products_.get()), 0, n_);
    return s;
  }

  // out += x, matrices of the shape of layer l's units
  void add(std::size_t l, T* out, const T* x) const { net().k.residual_forward(shape(l), out, x, out, 0, n_); }
  // out (n, units below layer l) = delta @ W.T
  void below(std::size_t l, const T* delta, const T* vector, T* out) {
    const Layer& layer = net().layers[l];
    net().k.dense_delta(rows(layer.n_out, delta), weights(l, vector), plain(out), {out, n_, layer.n_in}, 0, n_,
                        scratch_.get());
  }
  Panels<const T> a_in(std::size_t l) const {
    return rows(net().layers[l].n_in, l ? net().passed(l - 1).a : net().input.shape.data);
  }
  std::size_t size(std::size_t l) const { return n_elements<T>(n_, net().layers[l].n_out); }

  // Rz = Ra_in @ W + a_in @ RW + Rb, Ru, Ra = pullback(u, g, Ru), + Ra_in where the layer is residual
  void R_forward(std::size_t l) {
    State& s = states_[l];
    const Kernels<T>& k = net().k;
    const Layer& layer = net().layers[l];
    k.dense_forward(a_in(l), weights(l, v_.get()), v_.get() + net().start(l, 1), shape(l), plain(s.Rz.get()), 0, n_);
    if (l > 0) {
      k.dense_forward(rows(layer.n_in, states_[l - 1].Ra.get()), weights(l, passes_.theta()), zeros_.get(), shape(l),
                      plain(products_.get()), 0, n_);
      add(l, s.Rz.get(), products_.get());
    }
    const T* Ru = s.Rz.get();
    if (is_normalised(l)) {
      k.R_layer_norm_forward(shape(l), s.x_hat.get(), s.inverse.get(), s.Rz.get(), passes_.theta() + net().start(l, 2),
                             v_.get() + net().start(l, 2), v_.get() + net().start(l, 3), s.Rx_hat.get(), s.Rroot.get(),
                             s.Ru.get());
      Ru = s.Ru.get();
    }
    if (l + 1 == net().n_layers()) return;  // the loss needs Rz
    const auto p = net().passed(l);
    k.pullback(layer.activation, p.u, p.g, Ru, s.Ra.get(), size(l), T(0));
    if (layer.residual && l > 0) add(l, s.Ra.get(), states_[l - 1].Ra.get());
  }

  void R_batch_loss() {
    const std::size_t l = net().n_layers() - 1;
    State& s = states_[l];
    net().k.bend_of_delta(net().loss, shape(l), activated(l), s.Rz.get(), s.Rdelta.get(), s.da.get(),
                          {labels_.get(), y_.get()}, scale_.get());
  }

  // Rdelta, the products by tensor, and Rda_in = Rdelta @ W.T + delta @ RW.T
  void R_backward(std::size_t l) {
    State& s = states_[l];
    const Kernels<T>& k = net().k;
    const Layer& layer = net().layers[l];
    const auto p = net().passed(l);
    const std::size_t n_lines = padded_columns<T>(layer.n_out) / chunk<T>;
    if (l + 1 < net().n_layers()) {
      T* const Rdu = is_normalised(l) ? s.Rdu.get() : s.Rdelta.get();
      k.pullback(layer.activation, p.u, p.g, s.Rda.get(), Rdu, size(l), T(0));
      k.bend(layer.activation, p.u, p.g, s.da.get(), is_normalised(l) ? s.Ru.get() : s.Rz.get(), Rdu, size(l));
      if (is_normalised(l)) R_normalised_backward(l);
    }
    k.dense_gradient(a_in(l), rows(layer.n_out, s.Rdelta.get()), {0, n_}, Hv_.get() + net().start(l, 0), 0, layer.n_in,
                     scratch_.get());
    k.bias_gradient(rows(layer.n_out, s.Rdelta.get()), {0, n_}, Hv_.get() + net().start(l, 1), 0, n_lines);
    if (l == 0) return;  // the change of ∂J/∂X is not needed
    State& lower = states_[l - 1];
    T* const W = Hv_.get() + net().start(l, 0);
    k.dense_gradient(rows(layer.n_in, lower.Ra.get()), rows(layer.n_out, p.delta), {0, n_}, s.RW.get(), 0, layer.n_in,
                     scratch_.get());
    k.residual_forward({nullptr, layer.n_in, layer.n_out}, W, s.RW.get(), W, 0, layer.n_in);
    below(l, s.Rdelta.get(), passes_.theta(), lower.Rda.get());
    below(l, p.delta, v_.get(), products_.get());
    add(l - 1, lower.Rda.get(), products_.get());
    if (layer.residual) add(l - 1, lower.Rda.get(), s.Rda.get());
  }

  void R_normalised_backward(std::size_t l) {
    State& s = states_[l];
    const Kernels<T>& k = net().k;
    const auto p = net().passed(l);
    const std::size_t n_out = net().layers[l].n_out, padded = padded_columns<T>(n_out);
    T *const gain = Hv_.get() + net().start(l, 2), *const shift = Hv_.get() + net().start(l, 3);
    k.R_layer_norm_backward(shape(l), s.x_hat.get(), s.inverse.get(), s.Rx_hat.get(), s.Rroot.get(),
                            passes_.theta() + net().start(l, 2), v_.get() + net().start(l, 2), p.du, s.Rdu.get(),
                            p.delta, s.Rdelta.get());
    k.gain_gradient(rows(n_out, s.Rdu.get()), s.x_hat.get(), {0, n_}, gain);
    k.gain_gradient(rows(n_out, p.du), s.Rx_hat.get(), {0, n_}, products_.get());
    k.residual_forward({nullptr, 1, n_out}, gain, products_.get(), gain, 0, 1);
    k.bias_gradient(rows(n_out, s.Rdu.get()), {0, n_}, shift, 0, padded / chunk<T>);
  }

  Passes<T> passes_;
  const std::size_t n_;
  Buffer<T> v_, Hv_, zeros_, products_, scratch_, scale_, y_;
  Buffer<std::int32_t> labels_;
  std::vector<State> states_;
  double loss_ = 0;
};

}  // namespace chainrule
