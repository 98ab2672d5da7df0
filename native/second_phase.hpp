// The second phase of a step: rows of W. Gradients of the leaves, their sum, and the update by it; or the update while a
// gradient of one leaf is still in the registers.
#pragma once

#include "epoch.hpp"

namespace chainrule {

// The gradient of J over the leaves of a node
template <class T>
void Session<T>::sum_phase(const Batch& batch, TreeNode node, T* gradient, std::size_t thread, std::size_t n_threads,
                           Own& own) {
  const Trained<T> t{theta(), nullptr, nullptr, gradient};
  for_units(network.operations, thread, n_threads,
            [&](Operation<T>& operation, std::size_t r0, std::size_t r1, std::size_t) {
              leaves_.gradient(operation, t, batch, node, r0, r1, own.scratch.get());
            });
}

// What the update adds to it, for the same share of units, and its squares
template <class T> void Session<T>::gradient_phase(const Rule<T>& rule, std::size_t thread, std::size_t n_threads) {
  const Trained<T> t = trained();
  for_units(network.operations, thread, n_threads,
            [&](Operation<T>& operation, std::size_t r0, std::size_t r1, std::size_t number) {
              operation.penalise(t, rule, r0, r1);
              for (std::size_t r = r0; r < r1; ++r) squares_[number + r] = operation.squares_of_unit(t, r);
            });
}

// The update by a gradient that is there as a whole
template <class T>
void Session<T>::apply_phase(const StepSettings& settings, const Strengths& strengths, double eta, std::uint64_t step,
                             double l2, std::size_t thread, std::size_t n_threads, Own& own) {
  Rule<T> rule = rule_of_step<T>(settings, strengths, eta, step + 1, l2);
  gradient_phase(rule, thread, n_threads);
  if (settings.clip_norm > 0) {
    barrier(n_threads);
    rule.shorten = shortening<T>(squares_.get(), n_units(network.operations), settings.clip_norm);
  }
  give_rates(rule, own.rules, settings, strengths, eta, step + 1, l2, starts_);
  for_units(network.operations, thread, n_threads,
            [&](Operation<T>& operation, std::size_t r0, std::size_t r1, std::size_t) {
              operation.apply(trained(), rule, r0, r1, own.check.get());
            });
}

template <class T>
void Session<T>::units_phase(const Batch& batch, Rule<T>& rule, std::size_t thread, std::size_t n_threads, Own& own) {
  const Trained<T> t = trained();
  const Upcoming<T> next = batches_.upcoming(batch, network.input.shape);
  for_units<by_share>(
      network.operations, thread, n_threads, [&](Operation<T>& operation, std::size_t r0, std::size_t r1, std::size_t) {
        operation.update(t, rule, next, batch.n * operation.rows_each, r0, r1, own.scratch.get(), own.check.get());
      });
}

// Every so many updates what decayed below the smallest number that counts becomes 0: in parameters and the optimizer's
// arrays, in those of squares below its square. Shares are whole cache lines.
template <class T> void Session<T>::settle(const StepSettings& settings, std::size_t thread, std::size_t n_threads) {
  const std::size_t n = network.n_parameters / chunk<T>;
  const std::size_t begin = n * thread / n_threads * chunk<T>, end = n * (thread + 1) / n_threads * chunk<T>;
  network.k.settle(theta() + begin, T(small()), end - begin);
  const bool squares = settings.optimizer == Optimizer::rmsprop || settings.optimizer == Optimizer::adagrad;
  if (first_) network.k.settle(first_.get() + begin, T(squares ? small() * small() : small()), end - begin);
  if (second_) network.k.settle(second_.get() + begin, T(small() * small()), end - begin);
}

// Whether every parameter is finite behind the update
template <class T>
bool Session<T>::end_step(const StepSettings& settings, std::uint64_t step, std::size_t thread, std::size_t n_threads,
                          Own& own) {
  barrier(n_threads);
  for (std::size_t t = 0; t < n_threads; ++t)
    if (!stayed_zero(own_[t].check.get())) own.stopped = Stopped::weights;
  if (own.stopped != Stopped::no) return false;
  if (small() > 0 && (step + 1) % settle_every == 0) {
    settle(settings, thread, n_threads);
    barrier(n_threads);
  }
  return true;
}

}  // namespace chainrule
