// Mirrors reference/propagate.py: both passes through the whole network, and the update, as a list of
// operations on a workspace that is taken once. The only file that knows layer indices.
//
// An operation works on a share of the rows of a batch (forward, backward) or on a share of its units
// (gradient, update: rows of W). Shares touch disjoint memory, so threads need no locks, only a barrier
// between the two kinds of phase. A further kind of layer is another class derived from Operation.
#pragma once

#include <memory>
#include <vector>

#include "kernels.hpp"
#include "workspace.hpp"

namespace chainrule {

// What an operation leaves for its neighbours: a for the one above, z, g and mask for its own pullback.
template <class T> struct Values {
  Panels<T> shape;  // data is a
  Activated<T> activated;
  T* delta;
};

template <class T> class Operation {
 public:
  virtual ~Operation() = default;
  virtual void forward(const Trained<T>& trained, std::size_t i0, std::size_t i1) = 0;
  // delta of the operation below, from this one's
  virtual void backward(const Trained<T>& trained, std::size_t i0, std::size_t i1, T* scratch) = 0;
  virtual std::size_t n_units() const = 0;
  virtual double cost_of_unit() const = 0;  // in parameters
  virtual void update(const Trained<T>& trained, const Rule<T>& rule, std::size_t n, std::size_t r0, std::size_t r1,
                      T* check) = 0;
  // the two halves of a step whose gradients are all needed before any update
  virtual void gradient(const Trained<T>& trained, std::size_t n, std::size_t r0, std::size_t r1) = 0;
  virtual void penalise(const Trained<T>& trained, const Rule<T>& rule, std::size_t r0, std::size_t r1) = 0;
  virtual double squares_of_unit(const Trained<T>& trained, std::size_t r) const = 0;
  virtual void apply(const Trained<T>& trained, const Rule<T>& rule, std::size_t r0, std::size_t r1, T* check) = 0;
};

// z = a_in @ W + b, a = g(z) ⊙ mask. Units are the rows of W, and after them b as one unit more.
template <class T> class Dense final : public Operation<T> {
 public:
  Dense(const Kernels<T>& kernels, Panels<T> a_in, const Values<T>* below, const Values<T>* own, std::size_t W,
        std::size_t b)
      : k_(kernels), a_in_(a_in), below_(below), own_(own), W_(W), b_(b) {}

  void forward(const Trained<T>& t, std::size_t i0, std::size_t i1) override {
    k_.dense_forward(fixed(a_in_), weights(t.theta), t.theta + b_, own_->shape, own_->activated, i0, i1);
  }
  void backward(const Trained<T>& t, std::size_t i0, std::size_t i1, T* scratch) override {
    if (!below_) return;
    Panels<T> out = below_->shape;
    out.data = below_->delta;
    k_.dense_delta(delta(), weights(t.theta), below_->activated, out, i0, i1, scratch);
  }
  // ∂J/∂a_in of the first layer, which training never needs
  void input_delta(const Trained<T>& t, std::size_t n, T* out, T* scratch) {
    const Activated<T> plain{Activation::identity, nullptr, nullptr, nullptr, nullptr};
    k_.dense_delta(delta(), weights(t.theta), plain, {out, a_in_.rows, a_in_.columns}, 0, n, scratch);
  }

  std::size_t n_units() const override { return n_in() + 1; }
  double cost_of_unit() const override { return static_cast<double>(padded_columns<T>(n_out())); }

  void update(const Trained<T>& t, const Rule<T>& rule, std::size_t n, std::size_t r0, std::size_t r1,
              T* check) override {
    if (r0 < n_in()) k_.dense_update(fixed(a_in_), delta(), n, part(t, W_), &rule, r0, rows_end(r1), check);
    if (r1 > n_in()) {
      k_.bias_gradient(delta(), n, t.gradient + b_, 0, n_lines());
      k_.update(part(t, b_), &rule, padded_columns<T>(n_out()), check);
    }
  }
  void gradient(const Trained<T>& t, std::size_t n, std::size_t r0, std::size_t r1) override {
    if (r0 < n_in()) k_.dense_gradient(fixed(a_in_), delta(), n, t.gradient + W_, r0, rows_end(r1));
    if (r1 > n_in()) k_.bias_gradient(delta(), n, t.gradient + b_, 0, n_lines());
  }
  void penalise(const Trained<T>& t, const Rule<T>& rule, std::size_t r0, std::size_t r1) override {
    for_blocks(r0, rows_end(r1), [&](std::size_t at, std::size_t size) {
      k_.penalise(t.gradient + W_ + at, t.theta + W_ + at, &rule, size);
    });
  }
  double squares_of_unit(const Trained<T>& t, std::size_t r) const override {
    if (r == n_in()) return k_.sum_of_squares(t.gradient + b_, padded_columns<T>(n_out()));
    double sum = 0;
    for_blocks(r, r + 1, [&](std::size_t at, std::size_t size) {
      sum += k_.sum_of_squares(t.gradient + W_ + at, size);
    });
    return sum;
  }
  void apply(const Trained<T>& t, const Rule<T>& rule, std::size_t r0, std::size_t r1, T* check) override {
    for_blocks(r0, rows_end(r1),
               [&](std::size_t at, std::size_t size) { k_.update(part(t, W_ + at), &rule, size, check); });
    if (r1 > n_in()) k_.update(part(t, b_), &rule, padded_columns<T>(n_out()), check);
  }

 private:
  static Panels<const T> fixed(Panels<T> m) { return {m.data, m.rows, m.columns}; }
  static Trained<T> part(const Trained<T>& t, std::size_t at) {
    return {t.theta + at, t.first ? t.first + at : nullptr, t.second ? t.second + at : nullptr, t.gradient + at};
  }
  std::size_t n_in() const { return a_in_.columns; }
  std::size_t n_out() const { return own_->shape.columns; }
  std::size_t n_lines() const { return padded_columns<T>(n_out()) / chunk<T>; }
  std::size_t rows_end(std::size_t r1) const { return r1 < n_in() ? r1 : n_in(); }
  Panels<const T> weights(const T* theta) const { return {theta + W_, n_in(), n_out()}; }
  Panels<const T> delta() const { return {own_->delta, own_->shape.rows, own_->shape.columns}; }
  // f(offset in W, numbers) for the pieces of memory that rows r0 … r1 of W are made of
  template <class F> void for_blocks(std::size_t r0, std::size_t r1, const F& f) const {
    if (r0 >= r1) return;
    for (std::size_t q = 0; q < n_panels<T>(n_out()); ++q) {
      const std::size_t width = panel_width<T>(n_out(), q);
      f(panel_start<T>(n_in(), q) + r0 * width, (r1 - r0) * width);
    }
  }

  const Kernels<T>& k_;
  const Panels<T> a_in_;
  const Values<T>* const below_;
  const Values<T>* const own_;
  const std::size_t W_, b_;
};

struct LayerSizes {
  std::size_t n_in, n_out;
  Activation activation;
};

inline bool pullback_reads_z(Activation activation) {
  return activation == Activation::gelu || activation == Activation::silu || activation == Activation::mish ||
         activation == Activation::softplus;
}

// The network compiled once for batches of up to `capacity` rows.
template <class T> class Network {
 public:
  Network(const Kernels<T>& kernels, std::vector<LayerSizes> layers, Loss loss, std::size_t capacity)
      : k(kernels), sizes(std::move(layers)), loss(loss), capacity(capacity), values(sizes.size()) {
    input = {take(n_elements<T>(capacity, sizes[0].n_in)), capacity, sizes[0].n_in};
    for (std::size_t l = 0; l < sizes.size(); ++l) add(l);
    n_parameters = at_;
  }

  std::size_t n_layers() const { return sizes.size(); }
  std::size_t n_outputs() const { return sizes.back().n_out; }
  std::size_t start_of_W(std::size_t l) const { return starts_[l]; }
  std::size_t start_of_b(std::size_t l) const { return starts_[l] + n_elements<T>(sizes[l].n_in, sizes[l].n_out); }
  std::size_t scratch_size() const { return scratch_; }

  // Every z kept, as a recorded step wants; or only those that a pullback or the loss reads.
  void keep_z(bool all) {
    for (std::size_t l = 0; l < sizes.size(); ++l) {
      const bool needed = all || l + 1 == sizes.size() || pullback_reads_z(sizes[l].activation);
      if (needed && !z_[l]) z_[l] = Buffer<T>(n_elements<T>(capacity, sizes[l].n_out));
      values[l].activated.z = needed ? z_[l].get() : nullptr;
    }
  }

  // Hidden layers with room for a mask, or without one.
  void use_masks(bool masks) {
    for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
      Values<T>& v = values[l];
      const std::size_t n = n_elements<T>(capacity, sizes[l].n_out);
      if (masks && !mask_[l]) mask_[l] = Buffer<T>(n), g_[l] = Buffer<T>(n);
      v.activated.mask = masks ? mask_[l].get() : nullptr;
      v.activated.g = masks ? g_[l].get() : v.activated.a;
    }
  }

  void forward(const Trained<T>& t, std::size_t i0, std::size_t i1) const {
    for (const auto& operation : operations) operation->forward(t, i0, i1);
  }
  void backward(const Trained<T>& t, std::size_t i0, std::size_t i1, T* scratch) const {
    for (std::size_t l = operations.size(); l-- > 1;) operations[l]->backward(t, i0, i1, scratch);
  }
  // J needs row_loss of every row; scale null asks for the output alone
  void output(Targets<T> targets, const T* scale, T* row_loss, std::size_t i0, std::size_t i1) const {
    const Values<T>& v = values.back();
    k.loss(loss, v.shape, v.activated, v.delta, targets, scale, row_loss, i0, i1);
  }
  void finish_output(std::size_t i0, std::size_t i1) const {
    const Values<T>& v = values.back();
    if (v.activated.activation == Activation::softmax) k.softmax(v.shape, v.activated.z, v.activated.g, i0, i1);
  }
  void input_delta(const Trained<T>& t, std::size_t n, T* out, T* scratch) const {
    first_->input_delta(t, n, out, scratch);
  }

  // Between a flat vector in the plain layout (W[1], b[1], W[2], …) and the layout here.
  void load(const T* flat, T* out) const {
    for (std::size_t l = 0; l < sizes.size(); ++l) {
      to_panels<T>(flat, {out + start_of_W(l), sizes[l].n_in, sizes[l].n_out}, sizes[l].n_in);
      flat += sizes[l].n_in * sizes[l].n_out;
      std::memcpy(out + start_of_b(l), flat, sizes[l].n_out * sizeof(T));
      flat += sizes[l].n_out;
    }
  }
  void store(const T* in, T* flat) const {
    for (std::size_t l = 0; l < sizes.size(); ++l) {
      to_plain<T>({in + start_of_W(l), sizes[l].n_in, sizes[l].n_out}, flat, sizes[l].n_in);
      flat += sizes[l].n_in * sizes[l].n_out;
      std::memcpy(flat, in + start_of_b(l), sizes[l].n_out * sizeof(T));
      flat += sizes[l].n_out;
    }
  }

  const Kernels<T>& k;
  const std::vector<LayerSizes> sizes;
  const Loss loss;
  const std::size_t capacity;
  std::size_t n_parameters = 0;  // padding included
  Panels<T> input;
  std::vector<Values<T>> values;
  std::vector<std::unique_ptr<Operation<T>>> operations;

 private:
  T* take(std::size_t n) {
    blocks_.emplace_back(n);
    return blocks_.back().get();
  }
  void add(std::size_t l) {
    const auto [n_in, n_out, activation] = sizes[l];
    const std::size_t n = n_elements<T>(capacity, n_out);
    T* const a = take(n);
    values[l] = {{a, capacity, n_out}, {activation, nullptr, a, a, nullptr}, take(n)};
    z_.emplace_back(), mask_.emplace_back(), g_.emplace_back();
    starts_.push_back(at_);
    at_ += n_elements<T>(n_in, n_out) + padded_columns<T>(n_out);
    const Panels<T> a_in = l ? values[l - 1].shape : input;
    auto dense = std::make_unique<Dense<T>>(k, a_in, l ? &values[l - 1] : nullptr, &values[l], start_of_W(l), start_of_b(l));
    if (l == 0) first_ = dense.get();
    operations.push_back(std::move(dense));
    scratch_ = std::max(scratch_, panel<T> * padded_columns<T>(n_out));
  }

  std::vector<Buffer<T>> blocks_, z_, mask_, g_;
  std::vector<std::size_t> starts_;
  std::size_t at_ = 0, scratch_ = 0;
  Dense<T>* first_ = nullptr;
};

}  // namespace chainrule
