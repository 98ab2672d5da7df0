// The output of a few rows straight from the plain layout: for few rows, laying weights out in panels costs more than
// using them. A row of panels is the row itself, so everything after the products works on them as it is.
#pragma once

#include <chrono>

#include "helpers.hpp"
#include "kernels.hpp"
#include "propagate.hpp"
#include "workspace.hpp"

namespace chainrule {

// The values of some rows on their way through the layers: row-major, every row whole cache lines.
template <class T> class RowValues {
 public:
  RowValues(const Kernels<T>& kernels, const std::vector<Layer>& layers, std::size_t capacity)
      : k_(kernels), layers_(layers), capacity(capacity), x_(n_elements<T>(capacity, layers[0].n_in)) {
    std::size_t widest = 0;
    bool normalised = false;
    for (const Layer& layer : layers) {
      widest = std::max(widest, padded_columns<T>(layer.n_out));
      normalised = normalised || layer.normalization != Normalization::none;
    }
    for (Buffer<T>& z : z_) z = Buffer<T>(capacity * widest);
    if (normalised)
      gain_ = Buffer<T>(widest), shift_ = Buffer<T>(widest), x_hat_ = Buffer<T>(capacity * widest),
      inverse_ = Buffer<T>(capacity);
  }

  // n ≤ capacity rows of X; whether all of them are finite
  bool take(const T* X, std::size_t n) {
    const std::size_t n_in = layers_[0].n_in, width = padded_columns<T>(n_in);
    alignas(64) T check[chunk<T>] = {};
    for (std::size_t i = 0; i < n; ++i) {
      const auto row = static_cast<std::int64_t>(i);
      k_.gather(X, &row, nullptr, {x_.get() + i * width, 1, n_in}, 0, 1, T(layers_[0].small), check);
    }
    n_ = n;
    return stayed_zero(check);
  }
  // z of layer l in columns c0 … c1; theta: its parameters
  void multiply(const T* theta, std::size_t l, std::size_t c0, std::size_t c1) const {
    const Layer& layer = layers_[l];
    const PlainLayer<T> product{theta, theta + layer.n_in * layer.n_out, layer.n_in, layer.n_out,
                                small_of_layer<T>(layers_, l)};
    k_.dense_plain(l == 0 ? x_.get() : z_[(l - 1) % 2].get(), padded_columns<T>(layer.n_in), n_, product, c0, c1,
                   z_[l % 2].get(), padded_columns<T>(layer.n_out));
  }
  // What follows the product of layer l
  void finish(const T* theta, std::size_t l) const {
    const Layer& layer = layers_[l];
    const std::size_t width = padded_columns<T>(layer.n_out);
    const T small = small_of_layer<T>(layers_, l);
    T* const z = z_[l % 2].get();
    if (layer.normalization == Normalization::layer)
      normalise(theta + (layer.n_in + 1) * layer.n_out, layer, z);
    else if (layer.activation == Activation::softmax)
      by_panels(layer.n_out, [&](Panels<T> shape, std::size_t first, std::size_t n) {
        k_.softmax(shape, z + first * width, z + first * width, small, 0, n);
      });
    else
      k_.activate(layer.activation, z, z, n_ * width, small);
    if (!layer.residual) return;
    const T* const a_in = l == 0 ? x_.get() : z_[(l - 1) % 2].get();
    for (std::size_t j = 0; j < n_ * width; ++j) z[j] = a_in[j] + z[j];
  }
  void give(T* out) const {
    const std::size_t n_out = layers_.back().n_out, width = padded_columns<T>(n_out);
    const T* const a = z_[(layers_.size() - 1) % 2].get();
    for (std::size_t i = 0; i < n_; ++i) std::copy_n(a + i * width, n_out, out + i * n_out);
  }
  static std::size_t n_parameters(const Layer& layer) {
    return (layer.n_in + (layer.normalization == Normalization::none ? 1 : 3)) * layer.n_out;
  }

 private:
  // f(shape, first row, rows): rows no wider than a panel are one, others a panel matrix each
  template <class F> void by_panels(std::size_t columns, F&& f) const {
    if (columns <= panel<T>) return f(Panels<T>{nullptr, n_, columns}, 0, n_);
    for (std::size_t i = 0; i < n_; ++i) f(Panels<T>{nullptr, 1, columns}, i, 1);
  }
  // g(u) in place of z
  void normalise(const T* gain_and_shift, const Layer& layer, T* z) const {
    std::copy_n(gain_and_shift, layer.n_out, gain_.get());
    std::copy_n(gain_and_shift + layer.n_out, layer.n_out, shift_.get());
    const std::size_t width = padded_columns<T>(layer.n_out);
    by_panels(layer.n_out, [&](Panels<T> shape, std::size_t first, std::size_t n) {
      T* const own = z + first * width;
      k_.layer_norm_forward(shape, own, gain_.get(), shift_.get(), x_hat_.get() + first * width, inverse_.get() + first,
                            {layer.activation, nullptr, own, own, nullptr, nullptr, T(layer.small)}, 0, n);
    });
  }

  const Kernels<T>& k_;
  const std::vector<Layer>& layers_;

 public:
  const std::size_t capacity;

 private:
  Buffer<T> x_, z_[2], gain_, shift_, x_hat_, inverse_;
  std::size_t n_ = 0;
};

template <class T> class PlainPredictor {
 public:
  PlainPredictor(const Kernels<T>& kernels, std::vector<Layer> layers, std::size_t n_threads)
      : layers(std::move(layers)), k_(kernels), n_threads_(n_threads) {
    for (std::size_t l = 0; l < this->layers.size(); ++l) {
      n_parameters_ += RowValues<T>::n_parameters(this->layers[l]);
      if (share(this->layers[l]) < padded_columns<T>(this->layers[l].n_out)) n_shared_ = l + 1;
    }
  }
  ~PlainPredictor() { delete idle_.load(); }
  PlainPredictor(const PlainPredictor&) = delete;
  PlainPredictor& operator=(const PlainPredictor&) = delete;

  // The output of n rows; whether all of X is finite
  bool predict(const T* theta, const T* X, std::size_t n, T* out) {
    if (n == 0) return true;
    const FloatingMode mode;
    std::unique_ptr<Room> room(idle_.exchange(nullptr));
    if (!room) room = std::make_unique<Room>();
    const bool together = n_threads_ > 1 && n * n_parameters_ >= least_shared;
    Call call{this, theta, X, out, n, room.get()};
    if (!together || n > few) {
      call.step = block_rows(n, together);
      const std::size_t n_blocks = (n + call.step - 1) / call.step;
      room->reserve(k_, layers, std::min(n, call.step), together ? std::min(n_threads_, n_blocks) : 1);
      together ? with_help(call, by_rows, n_blocks - 1) : by_rows(&call, 0);
    } else {
      room->reserve(k_, layers, n, 1);
      room->columns.reset(layers.size());
      call.finite = room->of_thread[0]->take(X, n);
      with_help(call, by_columns, n_threads_ - 1);
    }
    room.reset(idle_.exchange(room.release()));
    return call.finite;
  }

  const std::vector<Layer> layers;

 private:
  static constexpr std::size_t few = 8;                 // rows that are shared by columns
  static constexpr std::size_t most_of_block = 96;      // rows
  static constexpr std::size_t least_shared = 1 << 18;  // multiply-adds, or weights read
  static constexpr std::size_t columns_at_a_time = 64;
  static constexpr std::int64_t soon = 50'000;  // nanoseconds: about as long as a helper stays awake

  // Columns of a layer are claimed, and count when they are done; a layer is open once that before it is finished.
  struct Columns {
    std::vector<std::atomic<std::uint32_t>> claimed, done;
    std::atomic<std::uint32_t> open{0};
    void reset(std::size_t n_layers) {
      if (claimed.size() != n_layers) {
        claimed = std::vector<std::atomic<std::uint32_t>>(n_layers);
        done = std::vector<std::atomic<std::uint32_t>>(n_layers);
      }
      for (std::size_t l = 0; l < n_layers; ++l) claimed[l] = done[l] = 0;
      open = 1;
    }
  };
  // The memory of a call, kept for the next one
  struct Room {
    std::vector<std::unique_ptr<RowValues<T>>> of_thread;
    Columns columns;
    void reserve(const Kernels<T>& kernels, const std::vector<Layer>& layers, std::size_t rows, std::size_t n) {
      if (of_thread.size() < n) of_thread.resize(n);
      for (std::size_t t = 0; t < n; ++t)
        if (!of_thread[t] || of_thread[t]->capacity < rows)
          of_thread[t] = std::make_unique<RowValues<T>>(kernels, layers, round_up(rows, 2));
    }
  };
  struct Call {
    PlainPredictor* self;
    const T *theta, *X;
    T* out;
    std::size_t n;
    Room* room;
    std::size_t step = 0;
    std::atomic<std::size_t> first{0};  // row of the next block
    std::atomic<bool> finite{true};
  };

  // Columns of a layer that a thread takes at a time
  std::size_t share(const Layer& layer) const {
    return round_up((padded_columns<T>(layer.n_out) + n_threads_ - 1) / n_threads_, columns_at_a_time);
  }
  // Rows of a block: equal shares, whole tiles
  std::size_t block_rows(std::size_t n, bool together) const {
    std::size_t n_blocks = (n + most_of_block - 1) / most_of_block;
    if (together) n_blocks = round_up(n_blocks, n_threads_);
    return n <= few ? n : round_up((n + n_blocks - 1) / n_blocks, 6);
  }

  static std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  // Those that sleep are woken for long work, and where calls follow one another so soon that they stay awake.
  void with_help(Call& call, Helpers::Work work, std::size_t n_wanted) {
    const SharedHelpers helpers(n_threads_);
    const bool soon_again = now() - last_.load() < soon;
    const bool waking = soon_again || call.n * n_parameters_ >= 32 * least_shared;
    {
      const Helpers::Call joined(*helpers, work, &call, waking ? n_wanted : 0);
      work(&call, 0);
    }
    last_ = now();
  }

  static void by_rows(void* context, std::size_t thread) {
    Call& call = *static_cast<Call*>(context);
    const std::vector<Layer>& layers = call.self->layers;
    if (thread >= call.room->of_thread.size() || !call.room->of_thread[thread]) return;
    RowValues<T>& values = *call.room->of_thread[thread];
    for (std::size_t i; (i = call.first.fetch_add(call.step)) < call.n;) {
      if (!values.take(call.X + i * layers[0].n_in, std::min(call.step, call.n - i))) call.finite = false;
      const T* theta = call.theta;
      for (std::size_t l = 0; l < layers.size(); theta += RowValues<T>::n_parameters(layers[l++])) {
        values.multiply(theta, l, 0, padded_columns<T>(layers[l].n_out));
        values.finish(theta, l);
      }
      values.give(call.out + i * layers.back().n_out);
    }
  }

  static void by_columns(void* context, std::size_t thread) {
    Call& call = *static_cast<Call*>(context);
    const std::vector<Layer>& layers = call.self->layers;
    const RowValues<T>& values = *call.room->of_thread[0];
    Columns& columns = call.room->columns;
    const T* theta = call.theta;
    const std::size_t n_layers = thread == 0 ? layers.size() : call.self->n_shared_;
    for (std::size_t l = 0; l < n_layers; theta += RowValues<T>::n_parameters(layers[l++])) {
      const std::size_t width = padded_columns<T>(layers[l].n_out), share = call.self->share(layers[l]);
      while (columns.open.load(std::memory_order_acquire) <= l) pause_briefly();
      for (std::size_t c; (c = columns.claimed[l].fetch_add(1) * share) < width;) {
        values.multiply(theta, l, c, std::min(c + share, width));
        columns.done[l].fetch_add(1, std::memory_order_release);
      }
      if (thread != 0) continue;
      const std::size_t n_shares = (width + share - 1) / share;
      while (columns.done[l].load(std::memory_order_acquire) < n_shares) pause_briefly();
      values.finish(theta, l);
      columns.open.store(static_cast<std::uint32_t>(l) + 2, std::memory_order_release);
    }
    if (thread == 0) values.give(call.out);
  }

  const Kernels<T>& k_;
  const std::size_t n_threads_;
  std::size_t n_parameters_ = 0, n_shared_ = 0;  // n_shared_: layers up to the last that is shared by columns
  std::atomic<Room*> idle_{nullptr};
  std::atomic<std::int64_t> last_{0};  // when help ended
};

}  // namespace chainrule
