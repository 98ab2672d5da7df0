// The rows of a step: which they are, their share of J, their targets. Mirrors Task and `row_scales` of engine/.
#pragma once

#include <algorithm>

#include "propagate.hpp"
#include "shuffle.hpp"

namespace chainrule {

template <class T> struct Data {
  const T* X;
  const std::int32_t* labels;  // or null
  const T* y;                  // (n, n_outputs), or null
  const T* weight;             // or null
  std::size_t n;
};

struct Batch {
  const std::int64_t *rows, *next;  // next: the rows of the step after it, to be fetched early, or null
  std::size_t n;
  std::uint64_t epoch, step;
};

template <class T> class Batches {
 public:
  // Batches of `size` rows, gathered for a network of n_outputs with room for `capacity` rows.
  Batches(const Variant& variant, const Kernels<T>& kernels, Data<T> data, std::size_t size, std::uint64_t seed,
          bool shuffle, std::size_t capacity, std::size_t n_outputs)
      : kernels_(kernels), data_(data), size_(size), capacity_(capacity), n_outputs_(n_outputs),
        order_(variant, seed, data.n, shuffle), row_loss_(capacity) {
    if (data.labels)
      labels_ = Buffer<std::int32_t>(capacity);
    else
      y_ = Buffer<T>(n_elements<T>(capacity, n_outputs));
  }

  std::size_t steps_per_epoch() const { return (data_.n + size_ - 1) / size_; }
  const std::int64_t* order_of_epoch(std::uint64_t epoch) { return order_.of_epoch(epoch); }
  // Given the order of its epoch.
  Batch at(const std::int64_t* order, std::uint64_t step) const;

  // The weight of all rows of a batch: their number where they have none.
  double weight(const Batch& batch) const;
  // scale_i = w_i / Σw, or 0 where the batch weighs nothing
  void row_scales(const Batch& batch, T* scale) const;
  // Inputs of rows i0 .. i1 into X, their targets into `targets`.
  void gather(const Batch& batch, Panels<T> X, T small, std::size_t i0, std::size_t i1) const;
  // What the next step gathers and the update is to fetch: wide rows, of which a core cannot wait for all at once
  Upcoming<T> upcoming(const Batch& batch, Panels<T> X) const {
    return {data_.X, batch.next, batch.next && are_wide(X) ? batch.n : 0};
  }
  Targets<T> targets() const { return {labels_.get(), y_.get()}; }

  // The losses of the rows, filled by the code that computes them.
  T* row_loss() const { return row_loss_.get(); }
  double loss(const T* scale, RowRange rows) const;

 private:
  static bool are_wide(Panels<T> X) { return X.columns * sizeof(T) >= 1024; }

  const Kernels<T>& kernels_;
  const Data<T> data_;
  const std::size_t size_, capacity_, n_outputs_;
  RowOrder order_;
  Buffer<T> y_, row_loss_;
  Buffer<std::int32_t> labels_;
};

template <class T> Batch Batches<T>::at(const std::int64_t* order, std::uint64_t step) const {
  const std::size_t first = step % steps_per_epoch() * size_;
  const std::size_t n = std::min(size_, data_.n - first);
  const bool full_next = first + 2 * size_ <= data_.n;
  return {order + first, full_next ? order + first + size_ : nullptr, n, step / steps_per_epoch(), step};
}

template <class T> double Batches<T>::weight(const Batch& batch) const {
  if (!data_.weight) return static_cast<double>(batch.n);
  double total = 0;
  for (std::size_t i = 0; i < batch.n; ++i) total += static_cast<double>(data_.weight[batch.rows[i]]);
  return total;
}

template <class T> void Batches<T>::row_scales(const Batch& batch, T* scale) const {
  const double total = weight(batch);
  if (!data_.weight) {
    std::fill(scale, scale + batch.n, T(1.0 / total));
    return;
  }
  for (std::size_t i = 0; i < batch.n; ++i)
    scale[i] = total == 0 ? T(0) : T(static_cast<double>(data_.weight[batch.rows[i]]) / total);
}

template <class T>
void Batches<T>::gather(const Batch& batch, Panels<T> X, T small, std::size_t i0, std::size_t i1) const {
  const std::int64_t* const next = are_wide(X) ? nullptr : batch.next;
  kernels_.gather(data_.X, batch.rows, next, X, i0, i1, small, nullptr);
  if (data_.labels)
    for (std::size_t i = i0; i < i1; ++i) {
      labels_[i] = data_.labels[batch.rows[i]];
      if (batch.next) __builtin_prefetch(data_.labels + batch.next[i]);
    }
  else
    kernels_.gather(data_.y, batch.rows, batch.next, {y_.get(), capacity_, n_outputs_}, i0, i1, T(0), nullptr);
}

// J = Σ scale_i·loss_i in the order of the rows; a row of weight 0 does not count, even if its loss is infinite
template <class T> double Batches<T>::loss(const T* scale, RowRange rows) const {
  double J = 0;
  for (std::size_t i = rows.first; i < rows.first + rows.n; ++i)
    if (scale[i] > 0) J += static_cast<double>(scale[i]) * static_cast<double>(row_loss_[i]);
  return J;
}

}  // namespace chainrule
