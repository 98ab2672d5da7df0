// Steps that are done one at a time: recorded; or in two halves, where several processes share one. Each of them computes
// the gradients of some leaves; they exchange these, and each does the update by the sum.
#pragma once

#include "epoch.hpp"

namespace chainrule {

template <class T>
double Session<T>::record(std::uint64_t step, double eta, const StepSettings& settings, const Record<T>& out,
                          T* gradient, std::int64_t* rows) {
  const FloatingMode mode;
  prepare(settings, true);
  Own& own = own_[0];
  const Batch b = batches_.at(batches_.order_of_epoch(step / batches_.steps_per_epoch()), step);
  const Strengths strengths(settings, {}, 0);
  rows_phase(b, settings.dropout > 0, settings.dropout, 0, b.n, own);
  const double J = leaves_.loss(batches_, b, own.scale.get(), leaves_.root());
  std::copy(b.rows, b.rows + b.n, rows);
  const Trained<T> t = trained();
  network.tell(t, b.n, out, own.scratch.get());
  sum_phase(b, leaves_.root(), 0, 1, own);
  network.store(gradient_.get(), out.gradient);

  const double l2 = l2_of(b, settings.l2, settings.alpha);
  Rule<T> rule = rule_of_step<T>(settings, strengths, eta, step + 1, l2);
  gradient_phase(rule, 0, 1);
  if (settings.clip_norm > 0)
    rule.shorten = shortening<T>(squares_.get(), n_units(network.operations), settings.clip_norm);
  give_rates(rule, own.rules, settings, strengths, eta, step + 1, l2, starts_);
  stopped = Stopped::loss;
  if (std::isfinite(J)) {
    std::fill(own.check.get(), own.check.get() + chunk<T>, T(0));
    for (const auto& operation : network.operations)
      operation->apply(t, rule, 0, operation->n_units(), own.check.get());
    stopped = stayed_zero(own.check.get()) ? Stopped::no : Stopped::weights;
    if (stopped == Stopped::no && small() > 0 && (step + 1) % settle_every == 0) settle(settings, 0, 1);
  }
  network.store(gradient_.get(), gradient);
  return J;
}

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

template <class T>
void Session<T>::parts(std::uint64_t step, const StepSettings& settings, const std::vector<TreeNode>& nodes,
                       T* gradients, double* losses) {
  prepare(settings, false);
  const Batch b = batches_.at(batches_.order_of_epoch(step / batches_.steps_per_epoch()), step);
  const RowRange rows = leaves_.rows(b, {nodes.front().a, nodes.back().b});
  together([&](std::size_t thread, std::size_t n_threads, Own& own) {
    rows_phase(b, settings.dropout > 0, settings.dropout, rows.first + rows.n * thread / n_threads,
               rows.first + rows.n * (thread + 1) / n_threads, own);
    barrier(n_threads);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (thread == 0) losses[i] = leaves_.loss(batches_, b, own.scale.get(), nodes[i]);
      sum_phase(b, nodes[i], thread, n_threads, own);
      barrier(n_threads);
      const std::size_t n = network.n_parameters, begin = n * thread / n_threads, end = n * (thread + 1) / n_threads;
      std::copy(gradient_.get() + begin, gradient_.get() + end, gradients + i * n + begin);
      barrier(n_threads);
    }
  });
}

template <class T>
void Session<T>::finish(std::uint64_t step, double eta, const StepSettings& settings, const T* gradient, double J,
                        double* penalty) {
  prepare(settings, false);
  const Batch b = batches_.at(batches_.order_of_epoch(step / batches_.steps_per_epoch()), step);
  const double l2 = l2_of(b, settings.l2, settings.alpha);
  if (penalty) *penalty = 0.5 * l2 * squares_of_weights(network.operations, theta_.get());
  stopped = Stopped::loss;
  if (!std::isfinite(J)) return;
  together([&](std::size_t thread, std::size_t n_threads, Own& own) {
    const std::size_t n = network.n_parameters, begin = n * thread / n_threads, end = n * (thread + 1) / n_threads;
    std::copy(gradient + begin, gradient + end, gradient_.get() + begin);
    std::fill(own.check.get(), own.check.get() + chunk<T>, T(0));
    own.stopped = Stopped::no;
    barrier(n_threads);
    apply_phase(settings, Strengths(settings, {}, 0), eta, step, l2, thread, n_threads, own);
    end_step(settings, step, thread, n_threads, own);
  });
  stopped = own_[0].stopped;
}

}  // namespace chainrule
