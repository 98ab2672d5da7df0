// Mirrors reference/propagate.py: both passes through the whole network, and the update, as a list of
// operations on a workspace that is taken once. The only file that knows layer indices.
#pragma once

#include <memory>
#include <vector>

#include "input_operations.hpp"
#include "operations.hpp"

namespace chainrule {

enum class Normalization : int { none, layer, parametric };

// z = a_in @ W + b; u = z or z normalised; a = g(u), or a_in + g(u).
struct Layer {
  std::size_t n_in, n_out;
  Activation activation;
  Normalization normalization = Normalization::none;
  bool residual = false;
  double small = 0;  // numbers below it count as 0, in the output layer below its square (docs/notation.md)
  std::vector<InputStep> inputs = {};  // of the first layer: what makes a[0] of X
};

inline std::size_t n_features(const std::vector<Layer>& layers) {
  return layers[0].inputs.empty() ? layers[0].n_in : layers[0].inputs[0].n_in;
}

// Tensors of a kind, each of them a number for every unit
inline std::size_t n_vectors(Normalization kind) {
  return kind == Normalization::layer ? 2 : kind == Normalization::parametric ? 1 : 0;
}
inline std::size_t n_parameters(const std::vector<Layer>& layers) {
  std::size_t n = n_parameters_of_inputs(layers[0].inputs);
  for (const Layer& layer : layers) n += (layer.n_in + 1 + n_vectors(layer.normalization)) * layer.n_out;
  return n;
}

// Below which delta of layer l counts as 0. Of the first of several layers it is multiplied by X alone.
template <class T> T small_delta_of_layer(const std::vector<Layer>& layers, std::size_t l) {
  return T(l > 0 || layers.size() == 1 ? layers[l].small : 0);
}

// Below which z and a of layer l count as 0
template <class T> T small_of_layer(const std::vector<Layer>& layers, std::size_t l) {
  const double small = layers[l].small;
  return T(l + 1 < layers.size() ? small : small * small);
}

inline bool pullback_reads_z(Activation activation) {
  return activation == Activation::gelu || activation == Activation::silu || activation == Activation::mish ||
         activation == Activation::softplus;
}

// Destinations of the values of both passes, in the plain layout: one pointer per layer, null if absent.
template <class T> struct Record {
  std::vector<T*> z, u, a, masks, delta, du;
  T* gradient;  // of J alone, flat
  T* dX;
  T *a0 = nullptr, *da0 = nullptr;  // of the input layer
};

// The network compiled once for batches of up to `capacity` rows.
template <class T> class Network {
 public:
  Network(const Kernels<T>& kernels, std::vector<Layer> described, Loss loss, std::size_t capacity)
      : k(kernels), layers(std::move(described)), loss(loss), capacity(capacity) {
    input = make_node(n_features(layers), Activation::identity, false, T(layers[0].small), T(0));
    first_read_ = &input;
    for (const InputStep& step : layers[0].inputs) add_input(step);
    for (std::size_t l = 0; l < layers.size(); ++l) add(l);
  }

  std::size_t n_layers() const { return layers.size(); }
  std::size_t n_outputs() const { return layers.back().n_out; }
  std::size_t scratch_size() const { return scratch_; }
  const Node<T>& output_node() const { return *nodes_.back().a; }

  // Whether to keep every pre-activation, for a recorded step, or only those read by a pullback or the loss.
  void keep_z(bool all) {
    for (std::size_t l = 0; l < layers.size(); ++l) {
      LayerNodes& own = nodes_[l];
      const bool needed = all || l + 1 == layers.size() || pullback_reads_z(layers[l].activation);
      if (needed && !own.kept) own.kept = Buffer<T>(n_elements<T>(capacity, layers[l].n_out));
      own.g->activated.z = needed ? own.kept.get() : nullptr;
    }
    nodes_.back().g->activated.kept = nodes_.back().a->activated.kept = all;
  }

  // An infinite z becomes NaN where an activation that is flat on both sides would make a finite number of it.
  void watch_z() {
    for (std::size_t l = 0; l < layers.size(); ++l)
      nodes_[l].g->activated.watched =
          layers[l].normalization != Normalization::parametric &&
          (layers[l].activation == Activation::sigmoid || layers[l].activation == Activation::tanh);
  }

  // Hidden layers with room for a mask, or without one.
  void use_masks(bool masks) {
    for (std::size_t l = 0; l + 1 < layers.size(); ++l) {
      LayerNodes& own = nodes_[l];
      Activated<T>& v = own.g->activated;
      const std::size_t n = n_elements<T>(capacity, layers[l].n_out);
      if (masks && !own.mask) own.mask = Buffer<T>(n);
      if (masks && !own.unmasked) own.unmasked = Buffer<T>(n);
      v.mask = masks ? own.mask.get() : nullptr;
      v.g = masks ? own.unmasked.get() : v.a;
    }
  }
  Panels<T> mask(std::size_t l) const { return {nodes_[l].mask.get(), capacity, layers[l].n_out}; }

  void forward(const Trained<T>& t, std::size_t i0, std::size_t i1) const {
    for (const auto& operation : operations) operation->forward(t, i0, i1);
  }
  void backward(const Trained<T>& t, std::size_t i0, std::size_t i1, T* scratch) const {
    for (std::size_t o = operations.size(); o-- > 0;) operations[o]->backward(t, i0, i1, scratch);
  }
  // J needs row_loss of every row; a null scale requests the output only
  void output(Targets<T> targets, const T* scale, T* row_loss, std::size_t i0, std::size_t i1) const {
    const Node<T>& v = output_node();
    k.loss(loss, v.shape, v.activated, v.delta, targets, scale, row_loss, i0, i1);
  }
  void finish_output(std::size_t i0, std::size_t i1) const {
    const Node<T>& v = output_node();
    if (v.activated.activation == Activation::softmax)
      k.softmax(v.shape, v.activated.z, v.activated.g, v.activated.small, i0, i1);
  }

  // Forward and backward of n rows as they lie here. The gradients of the parameters are computed for it.
  void tell(const Trained<T>& t, std::size_t n, const Record<T>& out, T* scratch) const {
    tell_forward(n, out);
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const LayerNodes& own = nodes_[l];
      write(own.z->delta, l, out.delta, n);
      if (own.is_normalised()) write(own.g->delta, l, out.du, n);
    }
    for (const auto& operation : operations) operation->gradient(t, {0, n}, 0, operation->n_units(), scratch);
    store(t.gradient, out.gradient);
    if (out.da0) to_plain<T>({first_read_->delta, capacity, layers[0].n_in}, out.da0, n);
    Buffer<T> dX(n_elements<T>(capacity, input.shape.columns));
    operations.front()->hand_down(t, dX.get(), 0, n, scratch);
    to_plain<T>({dX.get(), capacity, input.shape.columns}, out.dX, n);
  }
  void tell_forward(std::size_t n, const Record<T>& out) const {
    if (out.a0) to_plain<T>({first_read_->shape.data, capacity, layers[0].n_in}, out.a0, n);
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const LayerNodes& own = nodes_[l];
      write(own.is_normalised() ? own.z->shape.data : own.g->activated.z, l, out.z, n);
      if (own.is_normalised()) write(own.g->activated.z, l, out.u, n);
      write(own.a->shape.data, l, out.a, n);
      write(own.g->activated.mask, l, out.masks, n);
    }
  }

  // What both passes left of layer l, as it lies here: pre-activations of the product and of g, g, a, and the
  // derivatives of J by the pre-activations (du null where they are the same). Every z must be kept.
  struct Passed {
    const T *z, *u, *g, *a, *delta, *du;
  };
  Passed passed(std::size_t l) const {
    const LayerNodes& own = nodes_[l];
    const Activated<T>& v = own.g->activated;
    return {own.is_normalised() ? own.z->shape.data : v.z, v.z, v.g, own.a->shape.data, own.z->delta,
            own.is_normalised() ? own.g->delta : nullptr};
  }
  // Where W, b, gain, shift (in this order) of layer l begin in a vector in the layout here
  std::size_t start(std::size_t l, std::size_t tensor) const { return tensors_[nodes_[l].first_tensor + tensor].start; }

  // Where every tensor begins, in the order of the plain layout
  std::vector<std::size_t> starts() const {
    std::vector<std::size_t> found;
    for (const Tensor& s : tensors_) found.push_back(s.start);
    return found;
  }

  // Between a flat vector in the plain layout (W[1], b[1], gain[1], shift[1], W[2], …) and the layout here.
  void load(const T* flat, T* out) const {
    for (const Tensor& s : tensors_) {
      to_panels<T>(flat, {out + s.start, s.rows, s.columns}, s.rows);
      flat += s.rows * s.columns;
    }
  }
  void store(const T* in, T* flat) const {
    for (const Tensor& s : tensors_) {
      to_plain<T>({in + s.start, s.rows, s.columns}, flat, s.rows);
      flat += s.rows * s.columns;
    }
  }

  const Kernels<T>& k;
  const std::vector<Layer> layers;
  const Loss loss;
  const std::size_t capacity;
  std::size_t n_parameters = 0;  // padding included
  Node<T> input;
  std::vector<std::unique_ptr<Operation<T>>> operations;

 private:
  // The nodes of a layer: z where Dense leaves it, g where the activation is applied, a where the layer ends.
  struct LayerNodes {
    Node<T>*z, *g, *a;
    Buffer<T> kept, mask, unmasked;  // of g: its pre-activation, its mask, and g before the mask
    std::size_t first_tensor;
    bool is_normalised() const { return z != g; }
  };
  struct Tensor {
    std::size_t start, rows, columns;
  };

  T* take(std::size_t n) {
    blocks_.emplace_back(n);
    return blocks_.back().get();
  }
  Node<T> make_node(std::size_t n_units, Activation activation, bool trained, T small, T small_delta) {
    const std::size_t n = n_elements<T>(capacity, n_units);
    T* const a = take(n);
    const Activated<T> activated{activation, nullptr, a, a, nullptr, nullptr, small, small_delta};
    return {{a, capacity, n_units}, activated, trained ? take(n) : nullptr};
  }
  Node<T>* new_node(std::size_t l, Activation activation) {
    all_nodes_.push_back(std::make_unique<Node<T>>(make_node(
        layers[l].n_out, activation, true, small_of_layer<T>(layers, l), small_delta_of_layer<T>(layers, l))));
    return all_nodes_.back().get();
  }
  std::size_t new_tensor(std::size_t rows, std::size_t columns) {
    tensors_.push_back({n_parameters, rows, columns});
    n_parameters += n_elements<T>(rows, columns);
    return tensors_.back().start;
  }

  // An operation of the input layer, and its node.
  void add_input(const InputStep& step) {
    all_nodes_.push_back(
        std::make_unique<Node<T>>(make_node(step.n_out, Activation::identity, true, T(layers[0].small), T(0))));
    const Node<T>&below = *first_read_, &own = *all_nodes_.back();
    if (step.kind == InputKind::scale) {
      operations.push_back(std::make_unique<Scale<T>>(k, below, own, new_tensor(1, step.n_out)));
    } else {
      const InputStep::Tensors rows = step.rows();
      const auto tensor = [&](std::size_t n, std::size_t columns) { return n ? new_tensor(n, columns) : 0; };
      typename Embed<T>::Starts starts{};
      starts.frequency = tensor(rows.frequency, step.k), starts.phase = tensor(rows.phase, step.k);
      starts.slope = tensor(rows.slope, step.d), starts.mix = tensor(rows.mix, step.d);
      starts.offset = tensor(rows.offset, step.d);
      operations.push_back(std::make_unique<Embed<T>>(k, below, own, step, starts));
    }
    first_read_ = all_nodes_.back().get();
  }

  // The operations of layer l, and the nodes between them.
  void add(std::size_t l) {
    const Layer& layer = layers[l];
    Node<T>& below = l ? *nodes_.back().a : *first_read_;
    const bool normalised = layer.normalization != Normalization::none;
    LayerNodes own{};
    own.first_tensor = tensors_.size();
    own.z = own.g = new_node(l, normalised ? Activation::identity : layer.activation);
    const std::size_t W = new_tensor(layer.n_in, layer.n_out), b = new_tensor(1, layer.n_out);
    operations.push_back(std::make_unique<Dense<T>>(k, below, *own.z, W, b));
    if (layer.normalization == Normalization::parametric) {
      own.g = new_node(l, Activation::identity);
      operations.push_back(
          std::make_unique<Parametric<T>>(k, *own.z, *own.g, layer.activation, new_tensor(1, layer.n_out)));
    } else if (normalised) {
      own.g = new_node(l, layer.activation);
      const std::size_t gain = new_tensor(1, layer.n_out), shift = new_tensor(1, layer.n_out);
      operations.push_back(std::make_unique<LayerNorm<T>>(k, *own.z, *own.g, gain, shift));
    }
    own.a = own.g;
    if (layer.residual) {
      own.a = new_node(l, Activation::identity);
      operations.push_back(std::make_unique<Residual<T>>(k, below, *own.g, *own.a));
      below.activated.pending = own.a->delta;
    }
    nodes_.push_back(std::move(own));
    scratch_ = std::max(scratch_, scratch_of_layer<T>(capacity, layer.n_out));
  }

  void write(const T* from, std::size_t l, const std::vector<T*>& to, std::size_t n) const {
    if (from && l < to.size() && to[l]) to_plain<T>({from, capacity, layers[l].n_out}, to[l], n);
  }

  std::vector<Buffer<T>> blocks_;
  std::vector<std::unique_ptr<Node<T>>> all_nodes_;
  std::vector<LayerNodes> nodes_;
  std::vector<Tensor> tensors_;
  std::size_t scratch_ = 0;
  Node<T>* first_read_ = nullptr;  // what the first product reads
};

}  // namespace chainrule
