// The operations at which K networks side by side begin and end: rows of the batch become K rows each, and the rows of
// every member come by themselves, where it has weights of its own.
#pragma once

#include "input_operations.hpp"

namespace chainrule {

// a[i·K + k] = scale[k] ⊙ x[i]. Units: the factors of every member.
template <class T> class MemberScale final : public OfVectors<T> {
 public:
  // scale: where the factors of the first member begin, those of the others follow
  MemberScale(const Kernels<T>& kernels, const Node<T>& below, const Node<T>& own, std::size_t K, std::size_t scale)
      : OfVectors<T>(kernels, below, own), K_(K), scale_(scale) {}

  void forward(const Trained<T>& t, std::size_t i0, std::size_t i1) override {
    k_.member_rows(fixed(below_.shape), K_, t.theta + scale_, own_.shape, own_.activated.small, i0, i1);
  }
  void backward(const Trained<T>& t, std::size_t i0, std::size_t i1, T* scratch) override {
    if (below_.delta) hand_down(t, below_.delta, i0, i1, scratch);
  }
  void hand_down(const Trained<T>& t, T* out, std::size_t i0, std::size_t i1, T*) const override {
    k_.member_rows_back(delta_of(own_), K_, t.theta + scale_, {out, below_.shape.rows, below_.shape.columns}, i0, i1);
  }

  std::size_t n_units() const override { return K_; }
  double cost_of_unit() const override { return static_cast<double>(size(0)); }
  void gradient(const Trained<T>& t, RowRange rows, std::size_t r0, std::size_t r1, T*) override {
    for (std::size_t k = r0; k < r1; ++k)
      k_.member_gradient(delta_of(own_), K_, k, fixed(below_.shape), rows, t.gradient + start(k));
  }

 private:
  using OfVectors<T>::k_;
  using OfVectors<T>::below_;
  using OfVectors<T>::own_;
  std::size_t start(std::size_t k) const override { return scale_ + k * size(k); }
  std::size_t size(std::size_t) const override { return padded_columns<T>(own_.shape.columns); }
  const std::size_t K_, scale_;
};

// The rows of each member by themselves: own[k][i] = below[i·K + k]. No parameters.
template <class T> class Separate final : public Operation<T> {
 public:
  Separate(const Kernels<T>& kernels, const Node<T>& below, std::vector<const Node<T>*> own)
      : k_(kernels), below_(below), own_(std::move(own)) {}

  void forward(const Trained<T>&, std::size_t i0, std::size_t i1) override {
    for (std::size_t k = 0; k < own_.size(); ++k)
      k_.rows_of_member(below_.shape, own_.size(), k, own_[k]->shape, false, i0, i1);
  }
  void backward(const Trained<T>&, std::size_t i0, std::size_t i1, T*) override {
    const std::size_t K = own_.size();
    const Panels<T> da{below_.delta, below_.shape.rows, below_.shape.columns};
    for (std::size_t k = 0; k < K; ++k)
      k_.rows_of_member(da, K, k, {own_[k]->delta, own_[k]->shape.rows, da.columns}, true, i0, i1);
    k_.node_delta(below_.shape, below_.activated, below_.delta, below_.delta, i0 * K, i1 * K);
  }

 private:
  const Kernels<T>& k_;
  const Node<T>& below_;
  const std::vector<const Node<T>*> own_;
};

}  // namespace chainrule
