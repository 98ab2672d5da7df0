// What Python sees; with python_arrays.hpp and python_session.hpp the only files that know Python. Arrays arrive in the
// plain layout; their shapes are in the types.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <stdexcept>

#include "dispatch.hpp"
#include "network_binding.hpp"
#include "passes.hpp"
#include "plain_predictor.hpp"
#include "python_session.hpp"
#include "second_order.hpp"
#include "settings_binding.hpp"

namespace {

template <class T> class PyPasses {
 public:
  PyPasses(const std::string& isa, const std::vector<Layer>& layers, Loss loss, std::size_t block, std::size_t threads)
      : block_(block), passes_(kernels_of<T>(variant_named(isa)), checked(layers), loss, block, threads) {}

  void load(In1<T> theta) {
    require(theta.shape(0) == n_parameters(passes_.network.layers),
            "theta has another length than the network has parameters");
    require_aligned(theta);
    passes_.load(theta.data());
  }
  void forward(In2<T> X, Numbered<T> z, Numbered<T> u, Numbered<T> a, std::optional<Out2<T>> a0) {
    check_rows(X), require_aligned(X);
    const Record<T> out{pointers<T>(z), pointers<T>(u), pointers<T>(a),           {}, {}, {},
                        nullptr,        nullptr,        a0 ? a0->data() : nullptr};
    const nb::gil_scoped_release released;
    passes_.forward(X.data(), X.shape(0), out);
  }
  double backward(In2<T> X, std::optional<In1<std::int32_t>> labels, std::optional<In2<T>> y, In1<T> scale,
                  Numbered<T> delta, Numbered<T> du, Out1<T> gradient, Out2<T> dX, std::optional<Out2<T>> da0) {
    check_rows(X), require_aligned(X, labels, y, scale);
    require(labels.has_value() != y.has_value() && scale.shape(0) == X.shape(0),
            "labels or y, and a scale for every row");
    require(gradient.shape(0) == n_parameters(passes_.network.layers),
            "the gradient has another length than the network has parameters");
    const Record<T> out{{},
                        {},
                        {},
                        {},
                        pointers<T>(delta),
                        pointers<T>(du),
                        gradient.data(),
                        dX.data(),
                        nullptr,
                        da0 ? da0->data() : nullptr};
    const Targets<T> targets{labels ? labels->data() : nullptr, y ? y->data() : nullptr};
    const nb::gil_scoped_release released;
    return passes_.backward(X.data(), X.shape(0), targets, scale.data(), out);
  }
  bool predict(In2<T> X, Out2<T> out) {
    require(X.shape(1) == n_features(passes_.network.layers) && out.shape(0) == X.shape(0),
            "X does not fit the network");
    require_aligned(X, out);
    const nb::gil_scoped_release released;
    return passes_.predict(X.data(), X.shape(0), out.data());
  }
  double loss(In2<T> X, std::optional<In1<std::int32_t>> labels, std::optional<In2<T>> y, std::optional<In1<T>> weight,
              Out2<T> out) {
    require(X.shape(1) == n_features(passes_.network.layers) && out.shape(0) == X.shape(0),
            "X does not fit the network");
    require(labels.has_value() != y.has_value(), "either labels or y");
    require_aligned(X, labels, y, weight, out);
    const Targets<T> targets{labels ? labels->data() : nullptr, y ? y->data() : nullptr};
    const nb::gil_scoped_release released;
    return passes_.loss(X.data(), X.shape(0), targets, weight ? weight->data() : nullptr, out.data());
  }

 private:
  void check_rows(const In2<T>& X) const {
    require(X.shape(1) == n_features(passes_.network.layers) && X.shape(0) <= block_,
            "X does not fit the network or its block");
  }
  const std::size_t block_;
  Passes<T> passes_;
};

template <class T> class PyPlainPredictor {
 public:
  PyPlainPredictor(const std::string& isa, const std::vector<Layer>& layers, std::size_t threads)
      : rows_(kernels_of<T>(variant_named(isa)), checked(layers), threads) {}
  // Keeps the GIL for some microseconds of work, which is less than giving it away may take.
  bool predict(In1<T> theta, In2<T> X, Out2<T> out) {
    const std::vector<Layer>& layers = rows_.layers;
    require(theta.shape(0) == n_parameters(layers), "theta has another length than the network has parameters");
    require(X.shape(1) == n_features(layers) && out.shape(1) == layers.back().n_out && out.shape(0) == X.shape(0),
            "X does not fit the network");
    require_aligned(theta, X, out);
    std::optional<nb::gil_scoped_release> released;
    if (X.shape(0) * theta.shape(0) > 1000000) released.emplace();
    return rows_.predict(theta.data(), X.data(), X.shape(0), out.data());
  }

 private:
  PlainPredictor<T> rows_;
};

// The Hessian of J at theta over some rows, by its products. The gradient of J comes with it.
template <class T> class PySecondOrder {
 public:
  PySecondOrder(const std::string& isa, const std::vector<Layer>& layers, Loss loss, In1<T> theta, In2<T> X,
                std::optional<In1<std::int32_t>> labels, std::optional<In2<T>> y, In1<T> scale, Out1<T> gradient)
      : size_(n_parameters(checked(layers))) {
    const std::size_t n = X.shape(0), n_outputs = layers.back().n_out;
    require(n > 0 && X.shape(1) == n_features(layers), "X does not fit the network, or has no rows");
    require(labels.has_value() != y.has_value() && scale.shape(0) == n, "labels or y, and a scale for every row");
    require(!labels || labels->shape(0) == n, "labels and X differ in rows");
    require(!y || (y->shape(0) == n && y->shape(1) == n_outputs), "y must be (rows of X, outputs)");
    require(theta.shape(0) == size_ && gradient.shape(0) == size_,
            "a flat vector has another length than the network has parameters");
    require_aligned(theta, X, labels, y, scale);
    const Targets<T> targets{labels ? labels->data() : nullptr, y ? y->data() : nullptr};
    std::vector<T> dX(n * X.shape(1));
    const Record<T> out{{}, {}, {}, {}, {}, {}, gradient.data(), dX.data()};
    const nb::gil_scoped_release released;
    second_order_ = std::make_unique<SecondOrder<T>>(kernels_of<T>(variant_named(isa)), layers, loss, theta.data(),
                                                     X.data(), n, targets, scale.data(), out);
  }
  double loss() const { return second_order_->loss(); }
  void product(In1<T> v, Out1<T> Hv) {
    require(v.shape(0) == size_ && Hv.shape(0) == size_, "v has another length than the network has parameters");
    require_aligned(v, Hv);
    const nb::gil_scoped_release released;
    second_order_->product(v.data(), Hv.data());
  }

 private:
  const std::size_t size_;
  std::unique_ptr<SecondOrder<T>> second_order_;
};

template <class T> void elementary(const std::string& isa, int function, In1<T> x, Out1<T> y) {
  require(x.shape(0) == y.shape(0), "x and y differ in length");
  const std::size_t n = x.shape(0), padded = round_up(n, chunk<T>);
  Buffer<T> in(padded), out(padded);
  std::copy_n(x.data(), n, in.get());
  const FloatingMode mode;
  kernels_of<T>(variant_named(isa)).elementary(static_cast<Elementary>(function), in.get(), out.get(), padded);
  std::copy_n(out.get(), n, y.data());
}

// n additions, each of which waits for the one before
std::uint64_t addition_chain(std::uint64_t n) {
  std::uint64_t x = 1, y = n;
  for (std::uint64_t k = 0; k < n; k += 16)
#pragma GCC unroll 16
    for (int unrolled = 0; unrolled < 16; ++unrolled) {
      x += y;
      asm volatile("" : "+r"(x));
    }
  return x;
}

template <class T>
void bind(nb::module_& m, const char* session, const char* passes, const char* rows, const char* second_order) {
  using S = PySession<T>;
  nb::class_<S>(m, session)
      .def(nb::init<const std::string&, const std::vector<Layer>&, Loss, In2<T>, std::optional<In1<std::int32_t>>,
                    std::optional<In2<T>>, std::optional<In1<T>>, std::size_t, std::uint64_t, bool, std::size_t, bool,
                    std::size_t>(),
           "isa"_a, "layers"_a, "loss"_a, "X"_a, "labels"_a.none(), "y"_a.none(), "weight"_a.none(), "batch_size"_a,
           "seed"_a, "shuffle"_a, "threads"_a, "may_choose"_a, "leaves"_a = 1)
      .def("load", &S::load, "theta"_a, "first"_a.none(), "second"_a.none())
      .def("store", &S::store, "theta"_a, "first"_a.none(), "second"_a.none())
      .def("advance", &S::advance, "first_step"_a, "learning_rates"_a, "settings"_a, "losses"_a,
           "penalties"_a = nb::none(), "thetas"_a = nb::none(), "scheduled"_a = nb::none())
      .def("record", &S::record, "step"_a, "learning_rate"_a, "settings"_a, "rows"_a, "z"_a, "u"_a, "a"_a, "masks"_a,
           "delta"_a, "du"_a, "gradient_of_J"_a, "dX"_a, "gradient"_a, "a0"_a = nb::none(), "da0"_a = nb::none())
      .def("share", &S::share, "n"_a, "own"_a)
      .def("begin_sharing", &S::begin_sharing, "theta"_a, "first"_a.none(), "second"_a.none())
      .def("store_slice", &S::store_slice, "first"_a.none(), "second"_a.none())
      .def("to_shared", &S::to_shared, "plain"_a, "out"_a)
      .def("from_shared", &S::from_shared, "shared"_a, "out"_a)
      .def("parts", &S::parts, "step"_a, "settings"_a, "bounds"_a, "gradients"_a, "losses"_a)
      .def("penalty", &S::penalty, "step"_a, "settings"_a)
      .def("add_up", &S::add_up, "step"_a, "settings"_a, "bounds"_a, "values"_a, "squares"_a.none())
      .def("update_slice", &S::update_slice, "step"_a, "learning_rate"_a, "settings"_a, "squares"_a.none())
      .def_prop_ro("active_threads", &S::active_threads)
      .def_ro("done_before_interrupt", &S::done_before_interrupt);
  using P = PyPasses<T>;
  nb::class_<P>(m, passes)
      .def(nb::init<const std::string&, const std::vector<Layer>&, Loss, std::size_t, std::size_t>(), "isa"_a,
           "layers"_a, "loss"_a, "block"_a, "threads"_a)
      .def("load", &P::load, "theta"_a)
      .def("forward", &P::forward, "X"_a, "z"_a, "u"_a, "a"_a, "a0"_a = nb::none())
      .def("backward", &P::backward, "X"_a, "labels"_a.none(), "y"_a.none(), "scale"_a, "delta"_a, "du"_a, "gradient"_a,
           "dX"_a, "da0"_a = nb::none())
      .def("loss", &P::loss, "X"_a, "labels"_a.none(), "y"_a.none(), "weight"_a.none(), "out"_a)
      .def("predict", &P::predict, "X"_a, "out"_a);
  using R = PyPlainPredictor<T>;
  nb::class_<R>(m, rows)
      .def(nb::init<const std::string&, const std::vector<Layer>&, std::size_t>(), "isa"_a, "layers"_a, "threads"_a)
      .def("predict", &R::predict, "theta"_a, "X"_a, "out"_a);
  using O = PySecondOrder<T>;
  nb::class_<O>(m, second_order)
      .def(nb::init<const std::string&, const std::vector<Layer>&, Loss, In1<T>, In2<T>,
                    std::optional<In1<std::int32_t>>, std::optional<In2<T>>, In1<T>, Out1<T>>(),
           "isa"_a, "layers"_a, "loss"_a, "theta"_a, "X"_a, "labels"_a.none(), "y"_a.none(), "scale"_a, "gradient"_a)
      .def_prop_ro("loss", &O::loss)
      .def("product", &O::product, "v"_a, "Hv"_a);
  m.def("elementary", &elementary<T>, "isa"_a, "function"_a, "x"_a, "y"_a);
}

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "The native engine. Use it through chainrule.engine.native.";
  bind_network(m);
  bind_step_settings(m);
  bind<float>(m, "Session32", "Passes32", "Plain32", "SecondOrder32");
  bind<double>(m, "Session64", "Passes64", "Plain64", "SecondOrder64");
  m.def("instruction_sets", [] {
    std::vector<std::string> names;
    for (const Variant* variant : usable_variants()) names.push_back(variant->name);
    return names;
  });
  m.def("permutation", [](const std::string& isa, std::uint64_t seed, std::uint64_t epoch, Out1<std::int64_t> out) {
    RowOrder order(variant_named(isa), seed, out.shape(0), true);
    std::copy_n(order.of_epoch(epoch), out.shape(0), out.data());
  });
  m.def("multiply_add_loop", [](const std::string& isa, std::uint64_t n_rounds) {
    float sink[2] = {0.999f, 1e-3f};
    return variant_named(isa).peak(n_rounds, sink);
  });
  m.def("addition_chain", &addition_chain);
}
