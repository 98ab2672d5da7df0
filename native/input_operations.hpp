// The operations of the input layer, which make a[0] of X. Mirrors reference/input_kinds.py and its kinds.
#pragma once

#include "operations.hpp"

namespace chainrule {

enum class InputKind : int { scale, pbld, plr, piecewise_linear, category, member_scale };

// One step of the input layer, from n_in columns to n_out. Of an embedding: which columns, d numbers of the linear map,
// k frequencies, where the rows of each column begin in mix (and their end), edges of bins and where each column's begin.
// Of member_scale: k members.
struct InputStep {
  InputKind kind;
  std::size_t n_in, n_out;
  std::vector<std::size_t> columns = {};
  std::size_t d = 0, k = 0;
  std::vector<std::size_t> begin = {};
  std::vector<double> edges = {};
  std::vector<std::size_t> edge = {};

  bool has_waves() const { return kind == InputKind::pbld || kind == InputKind::plr; }
  // Rows and columns of frequency, phase, slope, mix, offset, in the order of the flat vector; 0 rows: none
  struct Tensors {
    std::size_t frequency, phase, slope, mix, offset;
  };
  Tensors rows() const {
    const std::size_t F = columns.size(), linear = kind == InputKind::category ? 0 : F;
    return {has_waves() ? F : 0, kind == InputKind::pbld ? F : 0, kind == InputKind::piecewise_linear ? F : 0,
            begin.empty() ? 0 : begin.back(), linear};
  }
};

inline std::size_t n_parameters_of_inputs(const std::vector<InputStep>& steps) {
  std::size_t n = 0;
  for (const InputStep& step : steps) {
    const InputStep::Tensors rows = step.rows();
    n += step.kind == InputKind::scale ? step.n_out
         : step.kind == InputKind::member_scale
             ? step.k * step.n_out
             : (rows.frequency + rows.phase) * step.k + (rows.slope + rows.mix + rows.offset) * step.d;
  }
  return n;
}

// An operation whose tensors are vectors, each of them one unit, updated apart from the gradient.
template <class T> class OfVectors : public Operation<T> {
 public:
  double squares_of_unit(const Trained<T>& t, std::size_t r) const override {
    return k_.sum_of_squares(t.gradient + start(r), size(r));
  }
  void add_gradient(const Trained<T>& t, const T* other, std::size_t r0, std::size_t r1) override {
    for (std::size_t r = r0; r < r1; ++r) add_to(k_, t.gradient + start(r), other + start(r), size(r));
  }
  void apply(const Trained<T>& t, const Rule<T>& rule, std::size_t r0, std::size_t r1, T* check) override {
    for (std::size_t r = r0; r < r1; ++r) k_.update(part(t, start(r)), rule_at(rule, start(r)), size(r), check);
  }
  void update(const Trained<T>& t, const Rule<T>& rule, const Upcoming<T>&, std::size_t n, std::size_t r0,
              std::size_t r1, T* scratch, T* check) override {
    this->gradient(t, {0, n}, r0, r1, scratch);
    apply(t, rule, r0, r1, check);
  }
  void pieces(const EachPiece& f) const override {
    for (std::size_t r = 0; r < this->n_units(); ++r) f({r, start(r), start(r), size(r), false});
  }

 protected:
  OfVectors(const Kernels<T>& kernels, const Node<T>& below, const Node<T>& own)
      : k_(kernels), below_(below), own_(own) {}
  virtual std::size_t start(std::size_t r) const = 0;  // of unit r in the flat vector
  virtual std::size_t size(std::size_t r) const = 0;   // padding included

  const Kernels<T>& k_;
  const Node<T>&below_, &own_;
};

// a = scale ⊙ x, one factor a column. One unit: scale.
template <class T> class Scale final : public OfVectors<T> {
 public:
  Scale(const Kernels<T>& kernels, const Node<T>& below, const Node<T>& own, std::size_t scale)
      : OfVectors<T>(kernels, below, own), scale_(scale) {}

  void forward(const Trained<T>& t, std::size_t i0, std::size_t i1) override {
    k_.scale_rows(own_.shape, below_.shape.data, t.theta + scale_, own_.shape.data, own_.activated.small, i0, i1);
  }
  void backward(const Trained<T>& t, std::size_t i0, std::size_t i1, T* scratch) override {
    if (below_.delta) hand_down(t, below_.delta, i0, i1, scratch);
  }
  void hand_down(const Trained<T>& t, T* out, std::size_t i0, std::size_t i1, T*) const override {
    k_.scale_rows(own_.shape, own_.delta, t.theta + scale_, out, T(0), i0, i1);
  }

  std::size_t n_units() const override { return 1; }
  double cost_of_unit() const override { return static_cast<double>(size(0)); }
  void gradient(const Trained<T>& t, RowRange rows, std::size_t, std::size_t, T*) override {
    k_.gain_gradient(delta_of(own_), below_.shape.data, rows, t.gradient + scale_);
  }

 private:
  using OfVectors<T>::k_;
  using OfVectors<T>::below_;
  using OfVectors<T>::own_;
  std::size_t start(std::size_t) const override { return scale_; }
  std::size_t size(std::size_t) const override { return padded_columns<T>(own_.shape.columns); }
  const std::size_t scale_;
};

// Some columns become several numbers, the others pass. Units: embedded columns, each with its rows of every tensor.
template <class T> class Embed final : public Operation<T> {
 public:
  // Where the tensors begin in the flat vector; any number where there is none
  struct Starts {
    std::size_t frequency, phase, slope, mix, offset;
  };
  Embed(const Kernels<T>& kernels, const Node<T>& below, const Node<T>& own, const InputStep& step, Starts starts)
      : k_(kernels), below_(below), own_(own), step_(step), rows_(step.rows()), at_(starts),
        edges_(step.edges.begin(), step.edges.end()), which_(step.n_in, step.columns.size()) {
    for (std::size_t f = 0; f < step_.columns.size(); ++f) which_[step_.columns[f]] = f;
    const std::size_t size = step.d + (step.kind == InputKind::pbld ? 1 : 0), F = step.columns.size();
    place_.push_back(0);
    for (std::size_t j = 0; j < step.n_in; ++j) place_.push_back(place_.back() + (which_[j] < F ? size : 1));
    const std::size_t k_stride = padded_columns<T>(step.k), d_stride = padded_columns<T>(step.d);
    e_ = {static_cast<Basis>(static_cast<int>(step.kind) - 1),
          step.n_in,
          F,
          step.d,
          d_stride,
          step.k,
          k_stride,
          place_.data(),
          which_.data(),
          step_.columns.data(),
          step_.begin.data(),
          step_.edge.data(),
          edges_.data()};
    const std::size_t n = own.shape.rows * F;
    if (step.has_waves()) phi_ = Buffer<T>(n * 2 * k_stride), dz_ = Buffer<T>(n * k_stride);
    de_ = Buffer<T>(n * d_stride);
  }

  void forward(const Trained<T>& t, std::size_t i0, std::size_t i1) override {
    k_.embed_forward(e_, tensors(t.theta), fixed(below_.shape), phi_.get(), own_.shape, own_.activated.small, i0, i1);
  }
  void backward(const Trained<T>& t, std::size_t i0, std::size_t i1, T*) override { back(t, below_.delta, i0, i1); }
  void hand_down(const Trained<T>& t, T* out, std::size_t i0, std::size_t i1, T*) const override {
    back(t, out, i0, i1);
  }

  std::size_t n_units() const override { return e_.n_columns; }
  double cost_of_unit() const override {
    double cost = 0;
    for_pieces(0, [&](std::size_t, std::size_t, std::size_t n) { cost += static_cast<double>(n); });
    return cost;
  }
  void gradient(const Trained<T>& t, RowRange rows, std::size_t f0, std::size_t f1, T*) override {
    for (std::size_t f = f0; f < f1; ++f)
      k_.embed_gradient(e_, tensors(t.gradient), fixed(below_.shape), phi_.get(), de_.get(), dz_.get(), rows, f);
  }
  double squares_of_unit(const Trained<T>& t, std::size_t f) const override {
    double sum = 0;
    for_pieces(f, [&](std::size_t, std::size_t at, std::size_t n) { sum += k_.sum_of_squares(t.gradient + at, n); });
    return sum;
  }
  void add_gradient(const Trained<T>& t, const T* other, std::size_t f0, std::size_t f1) override {
    for (std::size_t f = f0; f < f1; ++f)
      for_pieces(f, [&](std::size_t, std::size_t at, std::size_t n) { add_to(k_, t.gradient + at, other + at, n); });
  }
  void apply(const Trained<T>& t, const Rule<T>& rule, std::size_t f0, std::size_t f1, T* check) override {
    for (std::size_t f = f0; f < f1; ++f)
      for_pieces(f, [&](std::size_t start, std::size_t at, std::size_t n) {
        k_.update(part(t, at), rule_at(rule, start), n, check);
      });
  }
  void update(const Trained<T>& t, const Rule<T>& rule, const Upcoming<T>&, std::size_t n, std::size_t f0,
              std::size_t f1, T* scratch, T* check) override {
    gradient(t, {0, n}, f0, f1, scratch);
    apply(t, rule, f0, f1, check);
  }
  void pieces(const EachPiece& each) const override {
    for (std::size_t f = 0; f < e_.n_columns; ++f)
      for_pieces(f, [&](std::size_t start, std::size_t at, std::size_t n) {
        if (n > 0) each({f, start, at, n, false});
      });
  }

 private:
  void back(const Trained<T>& t, T* dX, std::size_t i0, std::size_t i1) const {
    k_.embed_backward(e_, tensors(t.theta), fixed(below_.shape), phi_.get(), fixed(own_.shape), own_.delta, de_.get(),
                      dz_.get(), dX, i0, i1);
  }
  EmbeddingTensors<T> tensors(const T* flat) const {
    const auto at = [flat](std::size_t rows, std::size_t start) { return rows ? flat + start : nullptr; };
    return {at(rows_.frequency, at_.frequency), at(rows_.phase, at_.phase), at(rows_.slope, at_.slope),
            at(rows_.mix, at_.mix), at(rows_.offset, at_.offset)};
  }
  // f(start of a tensor, place of this column's rows in it, numbers of them)
  template <class F> void for_pieces(std::size_t f, const F& call) const {
    const auto piece = [&](std::size_t rows, std::size_t start, std::size_t first, std::size_t n, std::size_t stride) {
      if (rows) call(start, start + first * stride, n * stride);
    };
    piece(rows_.frequency, at_.frequency, f, 1, e_.k_stride);
    piece(rows_.phase, at_.phase, f, 1, e_.k_stride);
    piece(rows_.slope, at_.slope, f, 1, e_.d_stride);
    piece(rows_.mix, at_.mix, e_.begin[f], e_.begin[f + 1] - e_.begin[f], e_.d_stride);
    piece(rows_.offset, at_.offset, f, 1, e_.d_stride);
  }

  const Kernels<T>& k_;
  const Node<T>&below_, &own_;
  const InputStep step_;
  const InputStep::Tensors rows_;
  const Starts at_;
  const std::vector<T> edges_;
  std::vector<std::size_t> which_, place_;
  Embedding<T> e_{};
  Buffer<T> phi_, dz_, de_;
};

// u = z + alpha ⊙ (g(z) - z), one alpha a unit; the node below has z and no activation of its own. One unit: alpha.
template <class T> class Parametric final : public OfVectors<T> {
 public:
  Parametric(const Kernels<T>& kernels, const Node<T>& below, const Node<T>& own, Activation g, std::size_t alpha)
      : OfVectors<T>(kernels, below, own), activation_(g), alpha_(alpha),
        g_(n_elements<T>(own.shape.rows, own.shape.columns)),
        difference_(n_elements<T>(own.shape.rows, own.shape.columns)) {}

  void forward(const Trained<T>& t, std::size_t i0, std::size_t i1) override {
    k_.parametric_forward(own_.shape, activation_, below_.shape.data, t.theta + alpha_, g_.get(), difference_.get(),
                          own_.activated, i0, i1);
  }
  void backward(const Trained<T>& t, std::size_t i0, std::size_t i1, T*) override {
    k_.parametric_backward(own_.shape, activation_, below_.shape.data, g_.get(), t.theta + alpha_, own_.delta,
                           below_.delta, below_.activated.small_delta, i0, i1);
  }
  std::size_t n_units() const override { return 1; }
  double cost_of_unit() const override { return static_cast<double>(size(0)); }
  void gradient(const Trained<T>& t, RowRange rows, std::size_t, std::size_t, T*) override {
    k_.gain_gradient(delta_of(own_), difference_.get(), rows, t.gradient + alpha_);
  }

 private:
  using OfVectors<T>::k_;
  using OfVectors<T>::below_;
  using OfVectors<T>::own_;
  std::size_t start(std::size_t) const override { return alpha_; }
  std::size_t size(std::size_t) const override { return padded_columns<T>(own_.shape.columns); }
  const Activation activation_;
  const std::size_t alpha_;
  const Buffer<T> g_, difference_;
};

}  // namespace chainrule
