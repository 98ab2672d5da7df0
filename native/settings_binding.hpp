// What a step depends on besides state and number, as Python gives it.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>

#include <utility>
#include <vector>

#include "rule.hpp"

namespace chainrule {

inline void bind_step_settings(nanobind::module_& m) {
  namespace nb = nanobind;
  using namespace nb::literals;
  nb::class_<StepSettings>(m, "StepSettings")
      .def(
          "__init__",
          [](StepSettings* s, int optimizer, double momentum, double rho, double beta1, double beta2, double epsilon,
             double weight_decay, double l2, double l1, double dropout, double clip_norm, double alpha,
             std::vector<double> rate_factors) {
            new (s) StepSettings{static_cast<Optimizer>(optimizer),
                                 momentum,
                                 rho,
                                 beta1,
                                 beta2,
                                 epsilon,
                                 weight_decay,
                                 l2,
                                 l1,
                                 dropout,
                                 clip_norm,
                                 alpha,
                                 std::move(rate_factors)};
          },
          nb::kw_only(), "optimizer"_a, "momentum"_a = 0.0, "rho"_a = 0.0, "beta1"_a = 0.0, "beta2"_a = 0.0,
          "epsilon"_a = 0.0, "weight_decay"_a = 0.0, "l2"_a = 0.0, "l1"_a = 0.0, "dropout"_a = 0.0, "clip_norm"_a = 0.0,
          "alpha"_a = 0.0, "rate_factors"_a = std::vector<double>());
}

}  // namespace chainrule
