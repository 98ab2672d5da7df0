// The kinds of operation that a network is compiled into. Mirrors reference/layers.py, one class for each
// pair of functions there; docs/design/0002-operations.md describes how to add a kind.
//
// An operation reads nodes and writes a node of its own. It works on a share of the rows of a batch
// (forward, backward) or on a share of its units (gradient, update), a unit being what is updated at once.
// Shares touch disjoint memory, so threads need no locks, only a barrier between the two kinds of phase.
#pragma once

#include <functional>
#include <vector>

#include "kernels.hpp"
#include "workspace.hpp"

namespace chainrule {

// A matrix (rows of a batch, units) that operations leave for each other: a for those that read it; z, g,
// mask and pending define how its pullback turns the incoming ∂J/∂a into delta.
template <class T> struct Node {
  Panels<T> shape;  // data is a
  Activated<T> activated;
  T* delta;  // null: not needed, as for the input
};

// What a unit has in one place of the flat vector: numbers at … at + n - 1, of the tensor that begins at `start`
struct Piece {
  std::size_t unit, start, at, n;
  bool penalised;  // by l2 and l1
};
using EachPiece = std::function<void(const Piece&)>;

template <class T> class Operation {
 public:
  virtual ~Operation() = default;
  std::size_t rows_each = 1;  // rows of its nodes for every row of the batch; every i0, i1 and RowRange counts them
  virtual void forward(const Trained<T>& trained, std::size_t i0, std::size_t i1) = 0;
  // from delta of its own node to delta of the nodes it read
  virtual void backward(const Trained<T>& trained, std::size_t i0, std::size_t i1, T* scratch) = 0;
  // what backward hands to the node below, into any matrix of its shape: ∂J/∂X where that node is the input
  virtual void hand_down(const Trained<T>&, T* /*out*/, std::size_t, std::size_t, T* /*scratch*/) const {}

  // An operation without parameters has no units, and nothing of the following to do.
  virtual std::size_t n_units() const { return 0; }
  virtual double cost_of_unit() const { return 0; }  // in parameters
  virtual void update(const Trained<T>&, const Rule<T>&, const Upcoming<T>&, std::size_t /*n*/, std::size_t,
                      std::size_t, T* /*scratch*/, T* /*check*/) {}
  // What threads share an update by; other than units where that has them read less of what another has written.
  virtual std::size_t n_shares() const { return n_units(); }
  virtual double cost_of_share() const { return cost_of_unit(); }
  // the two halves of a step whose gradients are all needed before any update
  virtual void gradient(const Trained<T>&, RowRange, std::size_t, std::size_t, T* /*scratch*/) {}
  // gradient += that of other rows
  virtual void add_gradient(const Trained<T>&, const T* /*other*/, std::size_t, std::size_t) {}
  virtual void penalise(const Trained<T>&, const Rule<T>&, std::size_t, std::size_t) {}
  virtual double squares_of_weights(const T* /*theta*/) const { return 0; }  // of what penalise acts on
  virtual double squares_of_unit(const Trained<T>&, std::size_t) const { return 0; }
  virtual void apply(const Trained<T>&, const Rule<T>&, std::size_t, std::size_t, T* /*check*/) {}
  // All pieces of all units; squares_of_unit adds up those of a unit in the order of the flat vector
  virtual void pieces(const EachPiece&) const {}
};

template <class T> Trained<T> part(const Trained<T>& t, std::size_t at) {
  return {t.theta + at, t.first ? t.first + at : nullptr, t.second ? t.second + at : nullptr, t.gradient + at};
}
// The rule of the tensor that begins at a place
template <class T> const Rule<T>* rule_at(const Rule<T>& rule, std::size_t start) {
  if (!rule.of_tensors) return &rule;
  std::size_t i = 0;
  while (rule.starts[i] != start) ++i;
  return rule.of_tensors + i;
}
// to += from, n numbers, a multiple of chunk
template <class T> void add_to(const Kernels<T>& k, T* to, const T* from, std::size_t n) {
  k.residual_forward({nullptr, 1, n}, to, from, to, 0, 1);
}
// Whether the numbers that were watched are finite (optimizers.hpp)
template <class T> bool stayed_zero(const T* check) {
  T sum = 0;
  for (std::size_t k = 0; k < chunk<T>; ++k) sum += check[k];
  return sum == 0;
}
template <class T> Panels<const T> fixed(Panels<T> m) { return {m.data, m.rows, m.columns}; }
template <class T> Panels<const T> delta_of(const Node<T>& node) {
  return {node.delta, node.shape.rows, node.shape.columns};
}

// z = a_in @ W + b, a = g(z) ⊙ mask. Units are the rows of W, and after them b as one unit more.
template <class T> class Dense final : public Operation<T> {
 public:
  Dense(const Kernels<T>& kernels, const Node<T>& below, const Node<T>& own, std::size_t W, std::size_t b)
      : k_(kernels), below_(below), own_(own), W_(W), b_(b) {}

  void forward(const Trained<T>& t, std::size_t i0, std::size_t i1) override {
    k_.dense_forward(a_in(), weights(t.theta), t.theta + b_, own_.shape, own_.activated, i0, i1);
  }
  void backward(const Trained<T>& t, std::size_t i0, std::size_t i1, T* scratch) override {
    if (below_.delta) hand_down(t, below_.delta, i0, i1, scratch);
  }
  void hand_down(const Trained<T>& t, T* out, std::size_t i0, std::size_t i1, T* scratch) const override {
    k_.dense_delta(delta_of(own_), weights(t.theta), below_.activated, {out, below_.shape.rows, n_in()}, i0, i1,
                   scratch);
  }

  std::size_t n_units() const override { return n_in() + 1; }
  double cost_of_unit() const override { return static_cast<double>(padded_columns<T>(n_out())); }
  std::size_t n_shares() const override { return shares_columns() ? n_lines() : n_units(); }
  double cost_of_share() const override {
    return shares_columns() ? static_cast<double>(chunk<T> * (n_in() + 1)) : cost_of_unit();
  }

  void update(const Trained<T>& t, const Rule<T>& rule, const Upcoming<T>& next, std::size_t n, std::size_t r0,
              std::size_t r1, T* scratch, T* check) override {
    const Upcoming<T> fetched = below_.delta || (shares_columns() && r0 > 0) ? Upcoming<T>{} : next;
    T* const db = t.gradient + b_;
    if (shares_columns()) {
      k_.dense_update(a_in(), delta_of(own_), n, part(t, W_), db, rule_at(rule, W_), fetched, 0, n_in(), r0, r1,
                      scratch, check);
      return k_.update(part(t, b_ + r0 * chunk<T>), rule_at(rule, b_), (r1 - r0) * chunk<T>, check);
    }
    const bool with_b = r1 > n_in();
    if (r0 < n_in())
      k_.dense_update(a_in(), delta_of(own_), n, part(t, W_), with_b ? db : nullptr, rule_at(rule, W_), fetched, r0,
                      rows_end(r1), 0, n_lines(), scratch, check);
    else
      k_.bias_gradient(delta_of(own_), {0, n}, db, 0, n_lines());
    if (with_b) k_.update(part(t, b_), rule_at(rule, b_), padded_columns<T>(n_out()), check);
  }
  void gradient(const Trained<T>& t, RowRange rows, std::size_t r0, std::size_t r1, T* scratch) override {
    if (r0 < n_in()) k_.dense_gradient(a_in(), delta_of(own_), rows, t.gradient + W_, r0, rows_end(r1), scratch);
    if (r1 > n_in()) k_.bias_gradient(delta_of(own_), rows, t.gradient + b_, 0, n_lines());
  }
  void add_gradient(const Trained<T>& t, const T* other, std::size_t r0, std::size_t r1) override {
    for_blocks(r0, rows_end(r1),
               [&](std::size_t at, std::size_t size) { add_to(k_, t.gradient + W_ + at, other + W_ + at, size); });
    if (r1 > n_in()) add_to(k_, t.gradient + b_, other + b_, padded_columns<T>(n_out()));
  }
  void penalise(const Trained<T>& t, const Rule<T>& rule, std::size_t r0, std::size_t r1) override {
    for_blocks(r0, rows_end(r1), [&](std::size_t at, std::size_t size) {
      k_.penalise(t.gradient + W_ + at, t.theta + W_ + at, &rule, size);
    });
  }
  double squares_of_weights(const T* theta) const override {  // the padding of W is 0
    return k_.sum_of_squares(theta + W_, n_elements<T>(n_in(), n_out()));
  }
  double squares_of_unit(const Trained<T>& t, std::size_t r) const override {
    if (r == n_in()) return k_.sum_of_squares(t.gradient + b_, padded_columns<T>(n_out()));
    double sum = 0;
    for_blocks(r, r + 1,
               [&](std::size_t at, std::size_t size) { sum += k_.sum_of_squares(t.gradient + W_ + at, size); });
    return sum;
  }
  void apply(const Trained<T>& t, const Rule<T>& rule, std::size_t r0, std::size_t r1, T* check) override {
    for_blocks(r0, rows_end(r1),
               [&](std::size_t at, std::size_t size) { k_.update(part(t, W_ + at), rule_at(rule, W_), size, check); });
    if (r1 > n_in()) k_.update(part(t, b_), rule_at(rule, b_), padded_columns<T>(n_out()), check);
  }
  void pieces(const EachPiece& f) const override {
    for (std::size_t q = 0; q < n_panels<T>(n_out()); ++q) {
      const std::size_t width = panel_width<T>(n_out(), q), at = W_ + panel_start<T>(n_in(), q);
      for (std::size_t r = 0; r < n_in(); ++r) f({r, W_, at + r * width, width, true});
    }
    f({n_in(), b_, b_, padded_columns<T>(n_out()), false});
  }

 private:
  Panels<const T> a_in() const { return fixed(below_.shape); }
  std::size_t n_in() const { return below_.shape.columns; }
  std::size_t n_out() const { return own_.shape.columns; }
  // Few inputs and many outputs: delta is what is read most. Cache lines of columns are shared then, not rows of W.
  bool shares_columns() const { return n_in() < n_out() && n_in() <= panel<T>; }
  std::size_t n_lines() const { return padded_columns<T>(n_out()) / chunk<T>; }
  std::size_t rows_end(std::size_t r1) const { return r1 < n_in() ? r1 : n_in(); }
  Panels<const T> weights(const T* theta) const { return {theta + W_, n_in(), n_out()}; }
  // f(offset in W, numbers) for the pieces of memory that rows r0 … r1 of W are made of
  template <class F> void for_blocks(std::size_t r0, std::size_t r1, const F& f) const {
    if (r0 >= r1) return;
    for (std::size_t q = 0; q < n_panels<T>(n_out()); ++q) {
      const std::size_t width = panel_width<T>(n_out(), q);
      f(panel_start<T>(n_in(), q) + r0 * width, (r1 - r0) * width);
    }
  }

  const Kernels<T>& k_;
  const Node<T>&below_, &own_;
  const std::size_t W_, b_;
};

// u = gain ⊙ x̂ + shift, a = g(u) ⊙ mask, x̂ being a row of the node below with mean 0 and variance 1. The
// node below has no activation of its own. Units: gain, shift.
template <class T> class LayerNorm final : public Operation<T> {
 public:
  LayerNorm(const Kernels<T>& kernels, const Node<T>& below, const Node<T>& own, std::size_t gain, std::size_t shift)
      : k_(kernels), below_(below), own_(own), at_{gain, shift},
        x_hat_(n_elements<T>(own.shape.rows, own.shape.columns)), inverse_(own.shape.rows) {}

  void forward(const Trained<T>& t, std::size_t i0, std::size_t i1) override {
    k_.layer_norm_forward(own_.shape, below_.shape.data, t.theta + at_[0], t.theta + at_[1], x_hat_.get(),
                          inverse_.get(), own_.activated, i0, i1);
  }
  void backward(const Trained<T>& t, std::size_t i0, std::size_t i1, T*) override {
    k_.layer_norm_backward(own_.shape, x_hat_.get(), inverse_.get(), t.theta + at_[0], own_.delta, below_.delta,
                           below_.activated.small_delta, i0, i1);
  }

  std::size_t n_units() const override { return 2; }
  double cost_of_unit() const override { return static_cast<double>(padding_included()); }

  void gradient(const Trained<T>& t, RowRange rows, std::size_t r0, std::size_t r1, T*) override {
    if (r0 == 0) k_.gain_gradient(delta_of(own_), x_hat_.get(), rows, t.gradient + at_[0]);
    if (r1 == 2) k_.bias_gradient(delta_of(own_), rows, t.gradient + at_[1], 0, padding_included() / chunk<T>);
  }
  void add_gradient(const Trained<T>& t, const T* other, std::size_t r0, std::size_t r1) override {
    for (std::size_t r = r0; r < r1; ++r) add_to(k_, t.gradient + at_[r], other + at_[r], padding_included());
  }
  double squares_of_unit(const Trained<T>& t, std::size_t r) const override {
    return k_.sum_of_squares(t.gradient + at_[r], padding_included());
  }
  void apply(const Trained<T>& t, const Rule<T>& rule, std::size_t r0, std::size_t r1, T* check) override {
    for (std::size_t r = r0; r < r1; ++r) k_.update(part(t, at_[r]), rule_at(rule, at_[r]), padding_included(), check);
  }
  void update(const Trained<T>& t, const Rule<T>& rule, const Upcoming<T>&, std::size_t n, std::size_t r0,
              std::size_t r1, T* scratch, T* check) override {
    gradient(t, {0, n}, r0, r1, scratch);
    apply(t, rule, r0, r1, check);
  }
  void pieces(const EachPiece& f) const override {
    for (std::size_t r = 0; r < 2; ++r) f({r, at_[r], at_[r], padding_included(), false});
  }

 private:
  std::size_t padding_included() const { return padded_columns<T>(own_.shape.columns); }

  const Kernels<T>& k_;
  const Node<T>&below_, &own_;
  const std::size_t at_[2];
  const Buffer<T> x_hat_, inverse_;  // 1/√(var + ε) of each row
};

// a = a_in + h. Its delta is ∂J/∂a: h pulls it back at once; a_in finds it pending when the operation that
// made h hands down its own part (Network::add ties the two).
template <class T> class Residual final : public Operation<T> {
 public:
  Residual(const Kernels<T>& kernels, const Node<T>& skipped, const Node<T>& h, const Node<T>& own)
      : k_(kernels), skipped_(skipped), h_(h), own_(own) {}

  void forward(const Trained<T>&, std::size_t i0, std::size_t i1) override {
    k_.residual_forward(own_.shape, skipped_.shape.data, h_.shape.data, own_.shape.data, i0, i1);
  }
  void backward(const Trained<T>&, std::size_t i0, std::size_t i1, T*) override {
    k_.node_delta(own_.shape, h_.activated, own_.delta, h_.delta, i0, i1);
  }

 private:
  const Kernels<T>& k_;
  const Node<T>&skipped_, &h_, &own_;
};

}  // namespace chainrule
