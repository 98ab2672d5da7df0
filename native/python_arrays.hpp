// What bindings share: arrays as Python hands them over, and what is checked of them before they are used.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "dispatch.hpp"
#include "propagate.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {
using namespace chainrule;

template <class T> using In1 = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T> using In2 = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T> using Out1 = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T> using Out2 = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T> const Kernels<T>& kernels_of(const Variant& v);
template <> const Kernels<float>& kernels_of<float>(const Variant& v) { return *v.float32; }
template <> const Kernels<double>& kernels_of<double>(const Variant& v) { return *v.float64; }

void require(bool holds, const char* message) {
  if (!holds) throw std::invalid_argument(message);
}

// A view into bytes may begin anywhere; NumPy makes the copy that is aligned.
template <class A> bool is_aligned(const A& array) {
  return reinterpret_cast<std::uintptr_t>(array.data()) % sizeof(*array.data()) == 0;
}
template <class A> bool is_aligned(const std::optional<A>& array) { return !array || is_aligned(*array); }
template <class... A> void require_aligned(const A&... arrays) {
  require((is_aligned(arrays) && ...), "an array does not begin at a multiple of the size of its numbers");
}

// Memory that sessions compute in begins at a cache line.
void require_whole_lines(const void* data) {
  require(reinterpret_cast<std::uintptr_t>(data) % 64 == 0, "an array does not begin at a cache line");
}

const Variant& variant_named(const std::string& name) {
  const Variant* variant = find_variant(name);
  if (!variant) throw std::invalid_argument("instruction set '" + name + "' is not available on this processor");
  return *variant;
}

std::vector<Layer> checked(std::vector<Layer> layers) {
  require(!layers.empty(), "at least one layer");
  std::size_t width = n_features(layers);
  for (const InputStep& step : layers[0].inputs) {
    require(step.n_in == width, "a step of the input layer takes another number of columns than come in");
    width = step.n_out;
  }
  require(width == layers[0].n_in, "the first layer takes another number of inputs than the input layer gives");
  for (std::size_t l = 0; l < layers.size(); ++l) {
    require(l == 0 || layers[l - 1].n_out == layers[l].n_in,
            "a layer takes another number of inputs than the one below gives");
    require(!layers[l].residual || layers[l].n_in == layers[l].n_out, "a residual connection between different sizes");
  }
  return layers;
}

// True where a signal handler has raised (Ctrl-C).
bool interrupted() {
  const nb::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

// One matrix a layer, None where it has none.
template <class T> using Numbered = std::vector<std::optional<Out2<T>>>;
template <class T> std::vector<T*> pointers(Numbered<T>& arrays) {
  std::vector<T*> out;
  for (auto& array : arrays) out.push_back(array ? array->data() : nullptr);
  return out;
}

}  // namespace
