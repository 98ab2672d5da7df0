// What an update depends on besides its step: settings, and the rule of one step made of them, its numbers
// rounded once.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels.hpp"

namespace chainrule {

struct StepSettings {
  Optimizer optimizer = Optimizer::sgd;
  double momentum = 0, rho = 0, beta1 = 0, beta2 = 0, epsilon = 0, weight_decay = 0;
  double l2 = 0, l1 = 0, dropout = 0;
  double clip_norm = 0;              // 0: no clipping
  double alpha = 0;                  // l2 grows by alpha / weight of the batch
  std::vector<double> rate_factors;  // on eta, of every tensor in the order of the plain layout; empty: 1
};

// Factors on settings of each of the steps to come; null: 1
struct Scheduled {
  const double *dropout = nullptr, *weight_decay = nullptr, *l2 = nullptr, *l1 = nullptr;
  static double at(const double* factors, std::size_t i) { return factors ? factors[i] : 1.0; }
  Scheduled from(std::size_t i) const {
    const auto behind = [i](const double* factors) { return factors ? factors + i : nullptr; };
    return {behind(dropout), behind(weight_decay), behind(l2), behind(l1)};
  }
};

// What of the settings a step has for itself
struct Strengths {
  double dropout, weight_decay, l2, l1;
  Strengths(const StepSettings& s, const Scheduled& scheduled, std::size_t i)
      : dropout(s.dropout * Scheduled::at(scheduled.dropout, i)),
        weight_decay(s.weight_decay * Scheduled::at(scheduled.weight_decay, i)),
        l2(s.l2 * Scheduled::at(scheduled.l2, i)), l1(s.l1 * Scheduled::at(scheduled.l1, i)) {}
};

// base^exponent by squaring from the lowest bit, as elementary.py does it
inline double power(double base, std::uint64_t exponent) {
  double result = 1;
  for (; exponent; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

template <class T>
Rule<T> rule_of_step(const StepSettings& s, const Strengths& own, double eta, std::uint64_t t, double l2) {
  Rule<T> r{};
  r.optimizer = s.optimizer;
  r.eta = T(eta), r.l2 = T(l2), r.l1 = T(own.l1);
  r.momentum = T(s.momentum), r.rho = T(s.rho), r.rho_rest = T(1 - s.rho);
  r.beta1 = T(s.beta1), r.beta1_rest = T(1 - s.beta1), r.beta2 = T(s.beta2), r.beta2_rest = T(1 - s.beta2);
  r.epsilon = T(s.epsilon), r.decay = T(eta * own.weight_decay), r.shorten = T(1);
  if (s.optimizer == Optimizer::adam || s.optimizer == Optimizer::adamw) {
    r.step_size = T(eta / (1 - power(s.beta1, t)));
    r.v_correction = T(1 / (1 - power(s.beta2, t)));
  }
  if (s.optimizer == Optimizer::adam_epsilon_hat) {
    r.step_size = T(eta * std::sqrt(1 - power(s.beta2, t)) / (1 - power(s.beta1, t)));
    r.v_correction = T(1);
  }
  return r;
}

// The rules of tensors with learning rates of their own, which differ from `rule` in what eta makes; they live in `own`.
template <class T>
void give_rates(Rule<T>& rule, std::vector<Rule<T>>& own, const StepSettings& s, const Strengths& strengths, double eta,
                std::uint64_t t, double l2, const std::vector<std::size_t>& starts) {
  if (s.rate_factors.empty()) return;
  own.clear();
  for (const double factor : s.rate_factors) {
    own.push_back(rule_of_step<T>(s, strengths, eta * factor, t, l2));
    own.back().shorten = rule.shorten;
  }
  rule.starts = starts.data(), rule.of_tensors = own.data();
}

}  // namespace chainrule
