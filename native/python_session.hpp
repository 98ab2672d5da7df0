// A training as Python sees it.
#pragma once

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <memory>

#include "python_arrays.hpp"
#include "shared_step.hpp"
#include "single_step.hpp"

namespace {

// A session with the arrays it reads, which it keeps alive.
template <class T> class PySession {
 public:
  PySession(const std::string& isa, const std::vector<Layer>& layers, Loss loss, In2<T> X,
            std::optional<In1<std::int32_t>> labels, std::optional<In2<T>> y, std::optional<In1<T>> weight,
            std::size_t batch_size, std::uint64_t seed, bool shuffle, std::size_t threads, bool may_choose,
            std::size_t leaves)
      : X_(X), labels_(labels), y_(y), weight_(weight), layers_(checked(layers)) {
    const std::size_t n = X.shape(0), n_outputs = layers.back().n_out;
    require(X.shape(1) == n_features(layers), "X has another number of columns than the network has inputs");
    require(labels.has_value() != y.has_value(), "either labels or y");
    require(!labels || labels->shape(0) == n, "labels and X differ in rows");
    require(!y || (y->shape(0) == n && y->shape(1) == n_outputs), "y must be (rows of X, outputs)");
    require(!weight || weight->shape(0) == n, "weight and X differ in rows");
    require_aligned(X, y, weight, labels);
    require(n > 0 && n < (std::uint64_t(1) << 32) && batch_size > 0 && threads > 0 && leaves > 0,
            "rows, batch_size, threads and leaves: at least 1");
    require(leaves <= most_leaves && batch_size <= std::numeric_limits<std::size_t>::max() / most_leaves,
            "too many leaves");
    if (labels)
      for (std::size_t i = 0; i < n; ++i)
        require(labels->data()[i] >= 0 && static_cast<std::size_t>(labels->data()[i]) < n_outputs,
                "a label is no output of the network");
    const Variant& variant = variant_named(isa);
    const Data<T> data{X.data(), labels ? labels->data() : nullptr, y ? y->data() : nullptr,
                       weight ? weight->data() : nullptr, n};
    session_ = std::make_unique<Session<T>>(variant, kernels_of<T>(variant), layers_, loss, data,
                                            Schedule{batch_size, seed, shuffle, threads, may_choose, leaves});
  }

  void load(In1<T> theta, std::optional<In1<T>> first, std::optional<In1<T>> second) {
    check_length(theta), check_length(first), check_length(second);
    require_aligned(theta, first, second);
    session_->load(theta.data(), first ? first->data() : nullptr, second ? second->data() : nullptr);
  }
  void store(Out1<T> theta, std::optional<Out1<T>> first, std::optional<Out1<T>> second) {
    check_length(theta), check_length(first), check_length(second);
    session_->store(theta.data(), first ? first->data() : nullptr, second ? second->data() : nullptr);
  }

  void check_rates(const StepSettings& settings) const {
    const std::size_t n = settings.rate_factors.size();
    require(n == 0 || n == session_->network.starts().size(), "rate_factors: one for every tensor");
  }
  nb::tuple advance(std::uint64_t first_step, In1<double> etas, const StepSettings& settings, Out1<double> losses,
                    std::optional<Out1<double>> penalties, std::optional<Out2<T>> thetas,
                    std::optional<In2<double>> scheduled) {
    check_rates(settings);
    require(etas.shape(0) == losses.shape(0), "one loss for every learning rate");
    require(!penalties || penalties->shape(0) == losses.shape(0), "one penalty for every learning rate");
    const std::size_t n = etas.shape(0), per_epoch = session_->steps_per_epoch();
    require(!thetas || (thetas->shape(1) == n_parameters(layers_) &&
                        thetas->shape(0) >= (first_step + n) / per_epoch - first_step / per_epoch),
            "thetas: one row for every epoch that ends");
    require(!scheduled || (scheduled->shape(0) == 4 && scheduled->shape(1) == n), "scheduled: four factors a step");
    const double* const f = scheduled ? scheduled->data() : nullptr;
    const Scheduled factors = f ? Scheduled{f, f + n, f + 2 * n, f + 3 * n} : Scheduled{};
    std::size_t done = 0;
    {
      const nb::gil_scoped_release released;
      done = session_->advance(first_step, etas.data(), n, settings, factors, losses.data(),
                               penalties ? penalties->data() : nullptr, interrupted, thetas ? thetas->data() : nullptr,
                               n_parameters(layers_));
    }
    if (session_->stopped == Stopped::interrupted) {
      done_before_interrupt = done;
      throw nb::python_error();
    }
    return nb::make_tuple(done, static_cast<int>(session_->stopped));
  }

  nb::tuple record(std::uint64_t step, double eta, const StepSettings& settings, Out1<std::int64_t> rows, Numbered<T> z,
                   Numbered<T> u, Numbered<T> a, Numbered<T> masks, Numbered<T> delta, Numbered<T> du,
                   Out1<T> gradient_of_J, Out2<T> dX, Out1<T> gradient, std::optional<Out2<T>> a0,
                   std::optional<Out2<T>> da0) {
    check_length(gradient), check_length(gradient_of_J), check_rates(settings);
    const Record<T> out{
        pointers<T>(z),  pointers<T>(u),       pointers<T>(a), pointers<T>(masks),        pointers<T>(delta),
        pointers<T>(du), gradient_of_J.data(), dX.data(),      a0 ? a0->data() : nullptr, da0 ? da0->data() : nullptr};
    double J = 0;
    {
      const nb::gil_scoped_release released;
      J = session_->record(step, eta, settings, out, gradient.data(), rows.data());
    }
    return nb::make_tuple(J, static_cast<int>(session_->stopped));
  }

  // Steps that several processes share (shared_step.hpp). Where each slice begins in the flat vector in the layout
  // here, and the number of its first piece; then the ends.
  nb::tuple share(std::size_t n, std::size_t own) {
    require(n > 0 && own < n, "the own slice is one of them");
    const Slices<T>& slices = session_->share(n, own);
    std::vector<std::size_t> at, piece;
    for (std::size_t i = 0; i <= n; ++i) at.push_back(slices.at(i)), piece.push_back(slices.piece(i));
    n_own_ = at[own + 1] - at[own], n_pieces_of_own_ = piece[own + 1] - piece[own], n_pieces_ = piece[n];
    return nb::make_tuple(at, piece);
  }
  void begin_sharing(Out1<T> theta, std::optional<In1<T>> first, std::optional<In1<T>> second) {
    check_shared(theta), check_slice(first), check_slice(second);
    shared_theta_ = theta;
    session_->begin_sharing(theta.data(), first ? first->data() : nullptr, second ? second->data() : nullptr);
  }
  void store_slice(std::optional<Out1<T>> first, std::optional<Out1<T>> second) const {
    check_slice(first), check_slice(second);
    session_->store_slice(first ? first->data() : nullptr, second ? second->data() : nullptr);
  }
  // Between the plain layout and the one here
  void to_shared(In1<T> plain, Out1<T> out) const {
    check_length(plain), check_shared(out);
    session_->network.load(plain.data(), out.data());
  }
  void from_shared(In1<T> shared, Out1<T> out) const {
    check_shared(shared), check_length(out);
    session_->network.store(shared.data(), out.data());
  }
  // bounds: leaves a, b of each node, one beginning where the last ends
  void parts(std::uint64_t step, const StepSettings& settings, const std::vector<std::size_t>& bounds,
             Out2<T> gradients, Out1<double> losses) {
    const std::vector<TreeNode> nodes = nodes_of(bounds);
    require(gradients.shape(0) == nodes.size() && losses.shape(0) == nodes.size(), "one gradient for every node");
    require(gradients.shape(1) == session_->network.n_parameters, "a gradient has another length");
    require_whole_lines(gradients.data());
    check_rates(settings);
    std::vector<T*> rows;
    for (std::size_t i = 0; i < nodes.size(); ++i) rows.push_back(gradients.data() + i * gradients.shape(1));
    const nb::gil_scoped_release released;
    session_->parts(step, settings, nodes, rows, losses.data());
  }
  double penalty(std::uint64_t step, const StepSettings& settings) { return session_->penalty(step, settings); }
  void add_up(std::uint64_t step, const StepSettings& settings, const std::vector<std::size_t>& bounds,
              const std::vector<In1<T>>& values, std::optional<Out1<double>> squares) {
    const std::vector<TreeNode> nodes = nodes_of(bounds);
    require(values.size() == nodes.size() && nodes.front().a == 0 && nodes.back().b == session_->n_leaves(),
            "a value for every node, and nodes that make up the root");
    require(!squares || squares->shape(0) == n_pieces_of_own_, "one square for every piece of the own slice");
    std::vector<const T*> at;
    for (const In1<T>& value : values) {
      check_slice(std::optional<In1<T>>(value)), require_whole_lines(value.data());
      at.push_back(value.data());
    }
    const nb::gil_scoped_release released;
    session_->add_up(step, settings, nodes, at, squares ? squares->data() : nullptr);
  }
  int update_slice(std::uint64_t step, double eta, const StepSettings& settings, std::optional<In1<double>> squares) {
    check_rates(settings);
    require(squares.has_value() == (settings.clip_norm > 0) && (!squares || squares->shape(0) == n_pieces_),
            "squares of all pieces where gradients are clipped");
    const nb::gil_scoped_release released;
    session_->update_slice(step, eta, settings, squares ? squares->data() : nullptr);
    return static_cast<int>(session_->stopped);
  }

  std::size_t active_threads() const { return session_->active_threads(); }
  std::size_t done_before_interrupt = 0;

 private:
  template <class A> void check_length(const A& array) const {
    require(array.shape(0) == n_parameters(layers_),
            "a flat vector has another length than the network has parameters");
  }
  template <class A> void check_length(const std::optional<A>& array) const {
    if (array) check_length(*array);
  }

  std::vector<TreeNode> nodes_of(const std::vector<std::size_t>& bounds) const {
    require(!bounds.empty() && bounds.size() % 2 == 0, "two leaves for every node");
    std::vector<TreeNode> nodes;
    for (std::size_t i = 0; i < bounds.size(); i += 2) {
      require(bounds[i] < bounds[i + 1] && bounds[i + 1] <= session_->n_leaves() && (!i || bounds[i] == bounds[i - 1]),
              "nodes lie next to each other, within the leaves");
      nodes.push_back({bounds[i], bounds[i + 1]});
    }
    return nodes;
  }
  template <class A> void check_shared(const A& array) const {
    require(array.shape(0) == session_->network.n_parameters, "a vector in the layout of sessions has another length");
    require_whole_lines(array.data());
  }
  template <class A> void check_slice(const std::optional<A>& array) const {
    require(!array || array->shape(0) == n_own_, "the own slice has another length");
  }

  In2<T> X_;
  std::optional<In1<std::int32_t>> labels_;
  std::optional<In2<T>> y_;
  std::optional<In1<T>> weight_;
  std::vector<Layer> layers_;
  std::unique_ptr<Session<T>> session_;
  Out1<T> shared_theta_;
  std::size_t n_own_ = 0, n_pieces_of_own_ = 0, n_pieces_ = 0;
};

}  // namespace
