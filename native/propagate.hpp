// Mirrors reference/propagate.py: both passes through the whole network, and the update, as a list of
// operations on a workspace that is taken once. The only file that knows layer indices.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "member_operations.hpp"

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

// How many networks side by side there are
inline std::size_t n_members(const std::vector<Layer>& layers) {
  const std::vector<InputStep>& steps = layers[0].inputs;
  return !steps.empty() && steps.back().kind == InputKind::member_scale ? steps.back().k : 1;
}

// Tensors of a kind, each of them a number for every unit
inline std::size_t n_vectors(Normalization kind) {
  return kind == Normalization::layer ? 2 : kind == Normalization::parametric ? 1 : 0;
}
inline std::size_t n_parameters(const std::vector<Layer>& layers) {
  std::size_t n = n_parameters_of_inputs(layers[0].inputs);
  for (const Layer& layer : layers) n += (layer.n_in + 1 + n_vectors(layer.normalization)) * layer.n_out;
  return n + (n_members(layers) - 1) * (layers.back().n_in + 1) *
                 layers.back().n_out;  // of the output layer each has its own
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

// The network compiled once for batches of up to `capacity` rows. Where it has K members, row i of a batch is the rows
// i·K … i·K + K - 1 of the nodes behind member_scale; in the output layer each member has nodes of its own.
template <class T> class Network {
 public:
  Network(const Kernels<T>& kernels, std::vector<Layer> described, Loss loss, std::size_t capacity)
      : k(kernels), layers(std::move(described)), loss(loss), capacity(capacity), members(n_members(layers)) {
    input = make_node(n_features(layers), Activation::identity, false, T(layers[0].small), T(0));
    first_read_ = &input;
    for (const InputStep& step : layers[0].inputs) add_input(step);
    for (std::size_t l = 0; l + 1 < layers.size(); ++l) add(l);
    members == 1 ? add(layers.size() - 1) : add_heads();
  }

  std::size_t n_layers() const { return layers.size(); }
  std::size_t n_outputs() const { return layers.back().n_out; }
  std::size_t scratch_size() const { return scratch_; }
  const Node<T>& output_node() const { return members == 1 ? *nodes_.back().a : mean_; }

  // Whether to keep every pre-activation, for a recorded step, or only those read by a pullback or the loss.
  void keep_z(bool all) {
    for (std::size_t v = 0; v < nodes_.size(); ++v) {
      LayerNodes& own = nodes_[v];
      const std::size_t l = layer_of(v);
      const bool is_output = l + 1 == layers.size(),
                 needed = all || is_output || pullback_reads_z(layers[l].activation);
      if (needed && !own.kept) own.kept = Buffer<T>(n_elements<T>(own.g->shape.rows, layers[l].n_out));
      own.g->activated.z = needed ? own.kept.get() : nullptr;
      if (is_output) own.g->activated.kept = own.a->activated.kept = all;
    }
  }

  // An infinite z becomes NaN where an activation that is flat on both sides would make a finite number of it.
  void watch_z() {
    for (std::size_t v = 0; v < nodes_.size(); ++v) {
      const Layer& layer = layers[layer_of(v)];
      nodes_[v].g->activated.watched =
          layer.normalization != Normalization::parametric &&
          (layer.activation == Activation::sigmoid || layer.activation == Activation::tanh);
    }
  }

  // Hidden layers with room for a mask, or without one.
  void use_masks(bool masks) {
    for (std::size_t l = 0; l + 1 < layers.size(); ++l) {
      LayerNodes& own = nodes_[l];
      Activated<T>& v = own.g->activated;
      const std::size_t n = n_elements<T>(own.g->shape.rows, layers[l].n_out);
      if (masks && !own.mask) own.mask = Buffer<T>(n);
      if (masks && !own.unmasked) own.unmasked = Buffer<T>(n);
      v.mask = masks ? own.mask.get() : nullptr;
      v.g = masks ? own.unmasked.get() : v.a;
    }
  }
  Panels<T> mask(std::size_t l) const { return {nodes_[l].mask.get(), capacity * members, layers[l].n_out}; }

  void forward(const Trained<T>& t, std::size_t i0, std::size_t i1) const {
    for (const auto& operation : operations)
      operation->forward(t, i0 * operation->rows_each, i1 * operation->rows_each);
  }
  void backward(const Trained<T>& t, std::size_t i0, std::size_t i1, T* scratch) const {
    for (std::size_t o = operations.size(); o-- > 0;)
      operations[o]->backward(t, i0 * operations[o]->rows_each, i1 * operations[o]->rows_each, scratch);
  }
  // J needs row_loss of every row; a null scale requests the output only
  void output(Targets<T> targets, const T* scale, T* row_loss, std::size_t i0, std::size_t i1) const {
    if (members > 1) return outputs_of_members(targets, scale, row_loss, i0, i1);
    const Node<T>& v = output_node();
    k.loss(loss, v.shape, v.activated, v.delta, targets, scale, row_loss, i0, i1);
  }
  void finish_output(std::size_t i0, std::size_t i1) const {
    for (std::size_t v = layers.size() - 1; v < nodes_.size(); ++v) {
      const Node<T>& own = *nodes_[v].a;
      if (own.activated.activation == Activation::softmax)
        k.softmax(own.shape, own.activated.z, own.activated.g, own.activated.small, i0, i1);
    }
    if (members > 1) average(i0, i1);
  }

  // Forward and backward of n rows as they lie here. The gradients of the parameters are computed for it.
  void tell(const Trained<T>& t, std::size_t n, const Record<T>& out, T* scratch) const {
    tell_forward(n, out);
    for (std::size_t v = 0; v < nodes_.size(); ++v) {
      const LayerNodes& own = nodes_[v];
      write(own.z->delta, v, out.delta, n);
      if (own.is_normalised()) write(own.g->delta, v, out.du, n);
    }
    for (const auto& operation : operations)
      operation->gradient(t, {0, n * operation->rows_each}, 0, operation->n_units(), scratch);
    store(t.gradient, out.gradient);
    if (out.da0) to_plain<T>({first_read_->delta, capacity * members, layers[0].n_in}, out.da0, n * members);
    Buffer<T> dX(n_elements<T>(capacity, input.shape.columns));
    operations.front()->hand_down(t, dX.get(), 0, n, scratch);
    to_plain<T>({dX.get(), capacity, input.shape.columns}, out.dX, n);
  }
  void tell_forward(std::size_t n, const Record<T>& out) const {
    if (out.a0) to_plain<T>({first_read_->shape.data, capacity * members, layers[0].n_in}, out.a0, n * members);
    for (std::size_t v = 0; v < nodes_.size(); ++v) {
      const LayerNodes& own = nodes_[v];
      write(own.is_normalised() ? own.z->shape.data : own.g->activated.z, v, out.z, n);
      if (own.is_normalised()) write(own.g->activated.z, v, out.u, n);
      write(own.a->shape.data, v, out.a, n);
      write(own.g->activated.mask, v, out.masks, n);
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
  const std::size_t capacity, members;
  std::size_t n_parameters = 0;  // padding included
  Node<T> input;
  std::vector<std::unique_ptr<Operation<T>>> operations;

 private:
  // The nodes of a layer, in the output layer of a member: z where Dense leaves it, g where the activation is applied, a where the layer ends.
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
  Node<T> make_node(std::size_t n_units, Activation activation, bool trained, T small, T small_delta,
                    std::size_t rows_each = 1) {
    const std::size_t rows = capacity * rows_each, n = n_elements<T>(rows, n_units);
    T* const a = take(n);
    const Activated<T> activated{activation, nullptr, a, a, nullptr, nullptr, small, small_delta};
    return {{a, rows, n_units}, activated, trained ? take(n) : nullptr};
  }
  Node<T>* keep(Node<T> node) {
    all_nodes_.push_back(std::make_unique<Node<T>>(node));
    return all_nodes_.back().get();
  }
  Node<T>* new_node(std::size_t l, Activation activation, std::size_t rows_each) {
    return keep(make_node(layers[l].n_out, activation, true, small_of_layer<T>(layers, l),
                          small_delta_of_layer<T>(layers, l), rows_each));
  }
  template <class Kind, class... Arguments> void operate(std::size_t rows_each, Arguments&&... arguments) {
    operations.push_back(std::make_unique<Kind>(k, std::forward<Arguments>(arguments)...));
    operations.back()->rows_each = rows_each;
  }
  std::size_t new_tensor(std::size_t rows, std::size_t columns) {
    tensors_.push_back({n_parameters, rows, columns});
    n_parameters += n_elements<T>(rows, columns);
    return tensors_.back().start;
  }

  // An operation of the input layer, and its node.
  void add_input(const InputStep& step) {
    const bool splits = step.kind == InputKind::member_scale;
    const Node<T>&below = *first_read_,
          &own =
              *keep(make_node(step.n_out, Activation::identity, true, T(layers[0].small), T(0), splits ? members : 1));
    if (splits) {
      const std::size_t scale = new_tensor(1, step.n_out);
      for (std::size_t m = 1; m < members; ++m) new_tensor(1, step.n_out);
      operate<MemberScale<T>>(1, below, own, members, scale);
    } else if (step.kind == InputKind::scale) {
      operate<Scale<T>>(1, below, own, new_tensor(1, step.n_out));
    } else {
      const InputStep::Tensors rows = step.rows();
      const auto tensor = [&](std::size_t n, std::size_t columns) { return n ? new_tensor(n, columns) : 0; };
      typename Embed<T>::Starts starts{};
      starts.frequency = tensor(rows.frequency, step.k), starts.phase = tensor(rows.phase, step.k);
      starts.slope = tensor(rows.slope, step.d), starts.mix = tensor(rows.mix, step.d);
      starts.offset = tensor(rows.offset, step.d);
      operate<Embed<T>>(1, below, own, step, starts);
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
    own.z = own.g = new_node(l, normalised ? Activation::identity : layer.activation, members);
    const std::size_t W = new_tensor(layer.n_in, layer.n_out), b = new_tensor(1, layer.n_out);
    operate<Dense<T>>(members, below, *own.z, W, b);
    if (layer.normalization == Normalization::parametric) {
      own.g = new_node(l, Activation::identity, members);
      operate<Parametric<T>>(members, *own.z, *own.g, layer.activation, new_tensor(1, layer.n_out));
    } else if (normalised) {
      own.g = new_node(l, layer.activation, members);
      const std::size_t gain = new_tensor(1, layer.n_out), shift = new_tensor(1, layer.n_out);
      operate<LayerNorm<T>>(members, *own.z, *own.g, gain, shift);
    }
    own.a = own.g;
    if (layer.residual) {
      own.a = new_node(l, Activation::identity, members);
      operate<Residual<T>>(members, below, *own.g, *own.a);
      below.activated.pending = own.a->delta;
    }
    nodes_.push_back(std::move(own));
    scratch_ = std::max(scratch_, scratch_of_layer<T>(capacity * members, layer.n_out));
  }

  // The output layer of every member, with a W and a b of its own; each reads its rows of the layer below.
  void add_heads() {
    const std::size_t l = layers.size() - 1, first_tensor = tensors_.size();
    const Layer& layer = layers[l];
    const Node<T>& below = l ? *nodes_.back().a : *first_read_;
    std::vector<std::size_t> W, b;
    std::vector<const Node<T>*> read;
    for (std::size_t m = 0; m < members; ++m) W.push_back(new_tensor(layer.n_in, layer.n_out));
    for (std::size_t m = 0; m < members; ++m) b.push_back(new_tensor(1, layer.n_out));
    for (std::size_t m = 0; m < members; ++m)
      read.push_back(keep(make_node(layer.n_in, Activation::identity, true, T(0), below.activated.small_delta)));
    operate<Separate<T>>(1, below, read);
    for (std::size_t m = 0; m < members; ++m) {
      LayerNodes own{};
      own.z = own.g = own.a = new_node(l, layer.activation, 1);
      own.first_tensor = first_tensor;
      operate<Dense<T>>(1, *read[m], *own.z, W[m], b[m]);
      nodes_.push_back(std::move(own));
    }
    mean_ = make_node(layer.n_out, Activation::identity, false, T(0), T(0));
    share_ = Buffer<T>(capacity), loss_of_member_ = Buffer<T>(capacity);
    scratch_ = std::max(scratch_, scratch_of_layer<T>(capacity, layer.n_out));
  }

  // a, delta and losses of every member; J of a row is the mean of its members' losses
  void outputs_of_members(Targets<T> targets, const T* scale, T* row_loss, std::size_t i0, std::size_t i1) const {
    const T by = T(1) / T(members);
    if (scale)
      for (std::size_t i = i0; i < i1; ++i) share_[i] = scale[i] * by;
    for (std::size_t m = 0; m < members; ++m) {
      const Node<T>& v = *nodes_[layers.size() - 1 + m].a;
      k.loss(loss, v.shape, v.activated, v.delta, targets, scale ? share_.get() : nullptr, loss_of_member_.get(), i0,
             i1);
      for (std::size_t i = i0; i < i1; ++i) row_loss[i] = m ? row_loss[i] + loss_of_member_[i] : loss_of_member_[i];
    }
    for (std::size_t i = i0; i < i1; ++i) row_loss[i] *= by;
    if (!scale) average(i0, i1);
  }
  // The output: the mean over members
  void average(std::size_t i0, std::size_t i1) const {
    for (std::size_t m = 0; m < members; ++m)
      k.add_member(mean_.shape, nodes_[layers.size() - 1 + m].a->shape.data, T(1) / T(members), m == 0,
                   mean_.shape.data, i0, i1);
  }

  std::size_t layer_of(std::size_t v) const { return std::min(v, layers.size() - 1); }

  // What lies at `from` in the layout of nodes v, as rows of their layer; of the output layer those of its member
  void write(const T* from, std::size_t v, const std::vector<T*>& to, std::size_t n) const {
    const std::size_t l = layer_of(v), columns = layers[l].n_out;
    if (!from || l >= to.size() || !to[l]) return;
    if (l + 1 < layers.size() || members == 1)
      return to_plain<T>({from, capacity * members, columns}, to[l], n * members);
    std::vector<T> own(n * columns);
    to_plain<T>({from, capacity, columns}, own.data(), n);
    for (std::size_t i = 0; i < n; ++i)
      std::copy_n(own.data() + i * columns, columns, to[l] + (i * members + v - l) * columns);
  }

  std::vector<Buffer<T>> blocks_;
  std::vector<std::unique_ptr<Node<T>>> all_nodes_;
  std::vector<LayerNodes> nodes_;
  std::vector<Tensor> tensors_;
  std::size_t scratch_ = 0;
  Node<T> mean_{};                    // of the members' outputs
  Buffer<T> share_, loss_of_member_;  // of the rows
  Node<T>* first_read_ = nullptr;     // what the first product reads
};

}  // namespace chainrule
