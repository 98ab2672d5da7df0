// Both passes for rows from outside a training: forward with everything kept, backward, and the output
// alone. Mirrors the passes of engine/numpy.py.
#pragma once

#include <atomic>

#include "helpers.hpp"
#include "single_step.hpp"

namespace chainrule {

template <class T> class Passes {
 public:
  Passes(const Kernels<T>& kernels, std::vector<Layer> layers, Loss loss, std::size_t block, std::size_t n_threads)
      : network(kernels, std::move(layers), loss, block * n_threads), block_(block), n_threads_(n_threads),
        theta_(network.n_parameters), gradient_(network.n_parameters), scratch_(network.scratch_size()),
        row_loss_(network.capacity), y_(n_elements<T>(network.capacity, network.n_outputs())),
        labels_(network.capacity), rows_(network.capacity), next_(network.capacity) {}

  void load(const T* theta) { network.load(theta, theta_.get()); }
  const T* theta() const { return theta_.get(); }  // in the layout of panels

  // The forward pass of n ≤ block rows
  void forward(const T* X, std::size_t n, const Record<T>& out) {
    const FloatingMode mode;
    network.keep_z(true);
    take(X, n);
    network.forward(trained(), 0, n);
    network.finish_output(0, n);
    network.tell_forward(n, out);
  }

  // J and its gradients for n ≤ block rows
  double backward(const T* X, std::size_t n, Targets<T> plain, const T* scale, const Record<T>& out) {
    const FloatingMode mode;
    network.keep_z(true);
    take(X, n);
    const Trained<T> t = trained();
    network.forward(t, 0, n);
    Buffer<T> y(plain.labels ? 0 : n_elements<T>(network.capacity, network.n_outputs()));
    if (!plain.labels) to_panels<T>(plain.y, {y.get(), network.capacity, network.n_outputs()}, n);
    network.output({plain.labels, y.get()}, scale, row_loss_.get(), 0, n);
    network.backward(t, 0, n, scratch_.get());
    network.tell(t, n, out, scratch_.get());
    double J = 0;
    for (std::size_t i = 0; i < n; ++i)
      if (scale[i] > 0) J += static_cast<double>(scale[i]) * static_cast<double>(row_loss_[i]);
    return J;
  }

  // The output of any number of rows, block by block. Returns whether all of X is finite.
  bool predict(const T* X, std::size_t n, T* out) {
    Call call{this, X, out, n, {}, nullptr};
    run(call);
    return call.finite;
  }

  // J = Σ w_i·loss_i / Σ w_i over any number of rows, in the order of the rows, and the output
  double loss(const T* X, std::size_t n, Targets<T> plain, const T* weight, T* out) {
    std::vector<T> row_losses(n);
    Call call{this, X, out, n, plain, row_losses.data()};
    run(call);
    double sum = 0, total = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double w = weight ? static_cast<double>(weight[i]) : 1.0;
      if (w > 0) sum += w * static_cast<double>(row_losses[i]);
      total += w;
    }
    return total != 0 ? sum / total : 0.0;
  }

  Network<T> network;

 private:
  struct Call {
    Passes* self;
    const T* X;
    T* out;
    std::size_t n;
    Targets<T> targets;  // plain layout; only where row_losses are wanted
    T* row_losses;
    std::atomic<std::size_t> first{0};  // row of the next block; a thread that is late gets fewer of them
    std::atomic<bool> finite{true};
  };

  Trained<T> trained() { return {theta_.get(), nullptr, nullptr, gradient_.get()}; }
  void take(const T* X, std::size_t n) {
    const Node<T>& v = network.input;
    to_panels<T>(X, v.shape, n);
    network.k.settle(v.shape.data, v.activated.small, n_elements<T>(v.shape.rows, v.shape.columns));
  }

  void run(Call& call) {
    network.keep_z(false);
    if (call.n <= block_ || n_threads_ == 1) return predict_share(call, 0);
    const SharedHelpers helpers(n_threads_);
    const Helpers::Call joined(
        *helpers,
        [](void* c, std::size_t thread) { static_cast<Call*>(c)->self->predict_share(*static_cast<Call*>(c), thread); },
        &call, (call.n - 1) / block_);
    predict_share(call, 0);
  }

  void predict_share(Call& call, std::size_t thread) {
    const FloatingMode mode;
    const std::size_t i0 = thread * block_;                             // this thread's rows of the workspace
    const bool wide = network.input.shape.columns * sizeof(T) >= 1024;  // narrower rows are fetched unasked
    alignas(64) T check[chunk<T>] = {};
    for (std::size_t first; (first = call.first.fetch_add(block_)) < call.n;) {
      const std::size_t m = std::min(block_, call.n - first);
      for (std::size_t i = 0; i < m; ++i) {
        rows_[i0 + i] = static_cast<std::int64_t>(first + i);
        next_[i0 + i] = static_cast<std::int64_t>(std::min(first + i + rows_ahead, call.n - 1));
      }
      network.k.gather(call.X, rows_.data(), wide ? next_.data() : nullptr, network.input.shape, i0, i0 + m,
                       network.input.activated.small, check);
      network.forward(trained(), i0, i0 + m);
      if (call.row_losses)
        row_losses(call, first, i0, m);
      else
        network.finish_output(i0, i0 + m);
      const Node<T>& v = network.output_node();
      for (std::size_t p = 0; p < n_panels<T>(v.shape.columns); ++p) {
        const std::size_t width = panel_width<T>(v.shape.columns, p), column = p * panel<T>;
        const std::size_t used = std::min(v.shape.columns - column, panel<T>);
        const T* const in = v.activated.a + panel_start<T>(v.shape.rows, p);
        for (std::size_t i = 0; i < m; ++i)
          std::copy_n(in + (i0 + i) * width, used, call.out + (first + i) * v.shape.columns + column);
      }
    }
    if (!stayed_zero(check)) call.finite = false;
  }

  // Rows i0 … i0 + m of the workspace are rows `first` … of the caller's.
  void row_losses(const Call& call, std::size_t first, std::size_t i0, std::size_t m) {
    const bool labels = call.targets.labels != nullptr;
    const Panels<T> y{y_.get(), network.capacity, network.n_outputs()};
    if (labels)
      std::copy_n(call.targets.labels + first, m, labels_.get() + i0);
    else
      network.k.gather(call.targets.y, rows_.data(), nullptr, y, i0, i0 + m, T(0), nullptr);
    network.output({labels ? labels_.get() : nullptr, y_.get()}, nullptr, row_loss_.get(), i0, i0 + m);
    std::copy_n(row_loss_.get() + i0, m, call.row_losses + first);
  }

  static constexpr std::size_t rows_ahead = 8;  // of X, fetched while those before them are copied
  const std::size_t block_, n_threads_;
  Buffer<T> theta_, gradient_, scratch_, row_loss_, y_;
  Buffer<std::int32_t> labels_;
  std::vector<std::int64_t> rows_, next_;
};

}  // namespace chainrule
