// Compiled once for each instruction set (CHAINRULE_VARIANT names it). Everything but the table at the
// end has internal linkage; a build test looks for symbols that escape.
#include "activations.hpp"
#include "elementary.hpp"
#include "embedding.hpp"
#include "gemm.hpp"
#include "kernels.hpp"
#include "layers.hpp"
#include "losses.hpp"
#include "members.hpp"
#include "normalization.hpp"
#include "optimizers.hpp"
#include "penalties.hpp"
#include "plain_product.hpp"
#include "seeding.hpp"

namespace chainrule {
namespace {

template <class T> void elementary(Elementary function, const T* x, T* y, std::size_t n) {
  const auto all = [=](auto f) CHAINRULE_LAMBDA {
    for (std::size_t i = 0; i < n; i += lanes<T>) store<T>(y + i, f(load(x + i)));
  };
  using V = Vector<T>;
  switch (function) {
    case Elementary::exp: return all([](V v) { return exp_<T>(v); });
    case Elementary::expm1: return all([](V v) { return expm1_<T>(v); });
    case Elementary::log: return all([](V v) { return log_<T>(v); });
    case Elementary::log1p_of_unit: return all([](V v) { return log1p_of_unit<T>(v); });
    case Elementary::tanh: return all([](V v) { return tanh_<T>(v); });
    case Elementary::sigmoid: return all([](V v) { return sigmoid_<T>(v); });
    case Elementary::softplus: return all([](V v) { return softplus_<T>(v); });
    case Elementary::erf: return all([](V v) { return erf_<T>(v); });
    case Elementary::normal_distribution: return all([](V v) { return normal_distribution<T>(v); });
    case Elementary::fma: return all([](V v) { return fma_(v, broadcast<T>(T(1.1)), v * v); });
  }
}

template <class T>
constexpr Kernels<T> kernels = {gather<T>,
                                dense_forward<T>,
                                dense_plain<T>,
                                dense_delta<T>,
                                dense_update<T>,
                                dense_gradient<T>,
                                bias_gradient<T>,
                                layer_norm_forward<T>,
                                layer_norm_backward<T>,
                                gain_gradient<T>,
                                embed_forward<T>,
                                embed_backward<T>,
                                embed_gradient<T>,
                                parametric_forward<T>,
                                parametric_backward<T>,
                                scale_rows<T>,
                                member_rows<T>,
                                member_rows_back<T>,
                                member_gradient<T>,
                                rows_of_member<T>,
                                add_member<T>,
                                residual_forward<T>,
                                node_delta<T>,
                                penalise<T>,
                                update<T>,
                                settle<T>,
                                activate<T>,
                                pullback<T>,
                                elementary<T>,
                                sum_of_squares<T>,
                                value_and_delta<T>,
                                softmax<T>,
                                bend<T>,
                                bend_of_delta<T>,
                                R_layer_norm_forward<T>,
                                R_layer_norm_backward<T>,
                                dropout_mask<T>};

constexpr Kernels<float> kernels_float32 = kernels<float>;
constexpr Kernels<double> kernels_float64 = kernels<double>;

// Enough independent chains to keep every multiplier busy.
double peak(std::uint64_t n_rounds, float* sink) {
  constexpr int n = 12;
  Vector<float> c[n];
  CHAINRULE_UNROLL
  for (int k = 0; k < n; ++k) c[k] = broadcast<float>(static_cast<float>(k));
  const Vector<float> x = broadcast<float>(sink[0]), y = broadcast<float>(sink[1]);
  for (std::uint64_t r = 0; r < n_rounds; ++r) {
    CHAINRULE_UNROLL
    for (int k = 0; k < n; ++k) c[k] = fma_(c[k], x, y);
  }
  for (int k = 0; k < n; ++k) c[0] = c[0] + c[k];
  float out[lanes<float>];
  __builtin_memcpy(out, &c[0], sizeof out);
  sink[0] = out[0];
  return 2.0 * n * static_cast<double>(lanes<float>) * static_cast<double>(n_rounds);
}

}  // namespace

#define CHAINRULE_JOIN_(a, b) a##b
#define CHAINRULE_JOIN(a, b) CHAINRULE_JOIN_(a, b)
#define CHAINRULE_TEXT_(a) #a
#define CHAINRULE_TEXT(a) CHAINRULE_TEXT_(a)

extern const Variant CHAINRULE_JOIN(variant_, CHAINRULE_VARIANT);
const Variant CHAINRULE_JOIN(variant_, CHAINRULE_VARIANT) = {CHAINRULE_TEXT(CHAINRULE_VARIANT), &kernels_float32,
                                                             &kernels_float64, philox_words, peak};

}  // namespace chainrule
