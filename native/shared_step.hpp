// Steps that several processes share. Each computes the gradients of some leaves; each adds up one slice of them, owns the
// optimizer's arrays of that slice and updates it. What they exchange in between is up to the caller.
#pragma once

#include "epoch.hpp"

namespace chainrule {

// f(thread, number of threads, what the thread has to itself) on the threads that steps are done with
template <class T> template <class F> void Session<T>::together(const F& f) {
  if (choice_.active() > 1) be_content_with_team();
  struct Call {
    Session* self;
    const F* f;
    std::size_t n_threads;
  } call{this, &f, choice_.active()};
  const auto share = [](void* p, std::size_t thread) {
    const FloatingMode mode;
    const Call& c = *static_cast<Call*>(p);
    (*c.f)(thread, c.n_threads, c.self->own_[thread]);
  };
  if (call.n_threads == 1)
    share(&call, 0);
  else
    team().run(share, &call);
}

template <class T> const Slices<T>& Session<T>::share(std::size_t n, std::size_t own) {
  slices_ = std::make_unique<Slices<T>>(network.operations, network.n_parameters, n, own);
  return *slices_;
}

template <class T> void Session<T>::begin_sharing(T* theta, const T* first, const T* second) {
  lent_ = theta;
  theta_ = Buffer<T>(), first_ = Buffer<T>(), second_ = Buffer<T>();  // nobody keeps whole arrays of the optimizer
  const auto taken = [n = slices_->n_own()](const T* from) {
    Buffer<T> to = from ? Buffer<T>(n) : Buffer<T>();
    if (from) std::copy(from, from + n, to.get());
    return to;
  };
  first_of_slice_ = taken(first), second_of_slice_ = taken(second);
}

template <class T> void Session<T>::store_slice(T* first, T* second) const {
  if (first) std::copy(first_of_slice_.get(), first_of_slice_.get() + slices_->n_own(), first);
  if (second) std::copy(second_of_slice_.get(), second_of_slice_.get() + slices_->n_own(), second);
}

template <class T>
void Session<T>::parts(std::uint64_t step, const StepSettings& settings, const std::vector<TreeNode>& nodes,
                       const std::vector<T*>& gradients, double* losses) {
  prepare(settings, false);
  const Batch b = batches_.at(batches_.order_of_epoch(step / batches_.steps_per_epoch()), step);
  const RowRange rows = leaves_.rows(b, {nodes.front().a, nodes.back().b});
  together([&](std::size_t thread, std::size_t n_threads, Own& own) {
    rows_phase(b, settings.dropout > 0, settings.dropout, rows.first + rows.n * thread / n_threads,
               rows.first + rows.n * (thread + 1) / n_threads, own);
    barrier(n_threads);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (thread == 0) losses[i] = leaves_.loss(batches_, b, own.scale.get(), nodes[i]);
      sum_phase(b, nodes[i], gradients[i], thread, n_threads, own);
    }
  });
}

template <class T> double Session<T>::penalty(std::uint64_t step, const StepSettings& settings) {
  const Batch b = batches_.at(batches_.order_of_epoch(step / batches_.steps_per_epoch()), step);
  return 0.5 * l2_of(b, settings.l2, settings.alpha) * squares_of_weights(network.operations, theta());
}

template <class T>
void Session<T>::add_up(std::uint64_t step, const StepSettings& settings, const std::vector<TreeNode>& nodes,
                        const std::vector<const T*>& values, double* squares) {
  const Batch b = batches_.at(batches_.order_of_epoch(step / batches_.steps_per_epoch()), step);
  const Rule<T> rule =
      rule_of_step<T>(settings, Strengths(settings, {}, 0), 0, step + 1, l2_of(b, settings.l2, settings.alpha));
  together([&](std::size_t thread, std::size_t n_threads, Own&) {
    const auto range = slices_->share(thread, n_threads);
    const Buffer<T> scratch(Slices<T>::scratch_size(leaves_.V));
    slices_->add_up(network.k, nodes, values, leaves_.V, range, scratch.get());
    slices_->penalise(network.k, theta(), rule, range);
    if (squares) slices_->squares(network.k, range, squares);
  });
}

template <class T>
void Session<T>::update_slice(std::uint64_t step, double eta, const StepSettings& settings, const double* squares) {
  const Batch b = batches_.at(batches_.order_of_epoch(step / batches_.steps_per_epoch()), step);
  const Strengths strengths(settings, {}, 0);
  const double l2 = l2_of(b, settings.l2, settings.alpha);
  T shorten = 1;
  if (settings.clip_norm > 0) {
    slices_->squares_of_units(squares, squares_.get());
    shorten = shortening<T>(squares_.get(), n_units(network.operations), settings.clip_norm);
  }
  const bool settles = small() > 0 && (step + 1) % settle_every == 0;
  const bool keeps_squares = settings.optimizer == Optimizer::rmsprop || settings.optimizer == Optimizer::adagrad;
  const T least = T(small()), square = T(small() * small());
  together([&](std::size_t thread, std::size_t n_threads, Own& own) {
    Rule<T> rule = rule_of_step<T>(settings, strengths, eta, step + 1, l2);
    rule.shorten = shorten;
    give_rates(rule, own.rules, settings, strengths, eta, step + 1, l2, starts_);
    std::fill(own.check.get(), own.check.get() + chunk<T>, T(0));
    const auto range = slices_->share(thread, n_threads);
    slices_->update(network.k, theta(), first_of_slice_.get(), second_of_slice_.get(), rule, range, own.check.get());
    own.stopped = stayed_zero(own.check.get()) ? Stopped::no : Stopped::weights;
    if (!settles) return;
    slices_->settle(network.k, theta(), first_of_slice_.get(), second_of_slice_.get(), least,
                    keeps_squares ? square : least, square, range);
  });
  stopped = Stopped::no;
  for (std::size_t t = 0; t < choice_.active(); ++t)
    if (own_[t].stopped != Stopped::no) stopped = Stopped::weights;
}

}  // namespace chainrule
