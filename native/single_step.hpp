// A step that is done alone, and everything it computed.
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
  sum_phase(b, leaves_.root(), gradient_.get(), 0, 1, own);
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

}  // namespace chainrule
