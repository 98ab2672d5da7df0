// What an update depends on besides its step: settings, and the rule of one step made of them, its numbers
// rounded once.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels.hpp"

namespace chainrule {

struct StepSettings {
  Optimizer optimizer = Optimizer::sgd;
  double momentum = 0, rho = 0, beta1 = 0, beta2 = 0, epsilon = 0, weight_decay = 0;
  double l2 = 0, l1 = 0, dropout = 0;
  double clip_norm = 0;  // 0: no clipping
  double alpha = 0;      // l2 grows by alpha / weight of the batch
};

// base^exponent by squaring from the lowest bit, as elementary.py does it
inline double power(double base, std::uint64_t exponent) {
  double result = 1;
  for (; exponent; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

template <class T> Rule<T> rule_of_step(const StepSettings& s, double eta, std::uint64_t t, double l2) {
  Rule<T> r{};
  r.optimizer = s.optimizer;
  r.eta = T(eta), r.l2 = T(l2), r.l1 = T(s.l1);
  r.momentum = T(s.momentum), r.rho = T(s.rho), r.rho_rest = T(1 - s.rho);
  r.beta1 = T(s.beta1), r.beta1_rest = T(1 - s.beta1), r.beta2 = T(s.beta2), r.beta2_rest = T(1 - s.beta2);
  r.epsilon = T(s.epsilon), r.decay = T(eta * s.weight_decay), r.shorten = T(1);
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

}  // namespace chainrule
