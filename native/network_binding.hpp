// What a network is made of, as Python describes it: steps of the input layer, layers, the loss.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "propagate.hpp"
#include "python_arrays.hpp"

namespace chainrule {

inline void bind_network(nanobind::module_& m) {
  nb::class_<InputStep>(m, "InputStep")
      .def(
          "__init__",
          [](InputStep* step, int kind, std::size_t n_in, std::size_t n_out, std::vector<std::size_t> columns,
             std::size_t d, std::size_t k, std::vector<std::size_t> begin, std::vector<double> edges,
             std::vector<std::size_t> edge) {
            new (step) InputStep{static_cast<InputKind>(kind),
                                 n_in,
                                 n_out,
                                 std::move(columns),
                                 d,
                                 k,
                                 std::move(begin),
                                 std::move(edges),
                                 std::move(edge)};
          },
          "kind"_a, "n_in"_a, "n_out"_a, nb::kw_only(), "columns"_a = std::vector<std::size_t>(), "d"_a = 0, "k"_a = 0,
          "begin"_a = std::vector<std::size_t>(), "edges"_a = std::vector<double>(),
          "edge"_a = std::vector<std::size_t>());
  nb::class_<Layer>(m, "Layer")
      .def(
          "__init__",
          [](Layer* layer, std::size_t n_in, std::size_t n_out, int activation, int normalization, bool residual,
             double small, std::vector<InputStep> inputs) {
            new (layer) Layer{n_in,
                              n_out,
                              static_cast<Activation>(activation),
                              static_cast<Normalization>(normalization),
                              residual,
                              small,
                              std::move(inputs)};
          },
          "n_in"_a, "n_out"_a, "activation"_a, "normalization"_a, "residual"_a, "small"_a = 0.0,
          "inputs"_a = std::vector<InputStep>());
  nb::class_<Loss>(m, "Loss").def(
      "__init__",
      [](Loss* loss, int family, double x, int point, const std::vector<double>& levels, std::size_t n_below) {
        require(levels.size() <= most_levels && n_below <= levels.size(), "too many levels");
        new (loss) Loss{LossFamily(family), x, LossFamily(point), levels.size(), n_below, {}};
        std::copy(levels.begin(), levels.end(), loss->levels);
      },
      "family"_a, "parameter"_a, "point"_a = 0, "levels"_a = std::vector<double>(), "n_below"_a = 0);
}

}  // namespace chainrule
