// What a variant offers: one table of functions for each real type. The only thing that crosses the
// border between code compiled for an instruction set and the rest. Plain data, no member functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "panels.hpp"

namespace chainrule {

// In the order of the tables of reference/activations.py and reference/losses.py.
enum class Activation : int {
  identity,
  relu,
  leaky_relu,
  elu,
  selu,
  gelu,
  silu,
  mish,
  softplus,
  sigmoid,
  tanh,
  exponential,
  softmax
};
enum class LossFamily : int {
  squared_error,
  cross_entropy,
  absolute_error,
  huber,
  poisson,
  quantile,
  focal,
  gaussian,
  intervals
};
constexpr std::size_t most_levels = 32;
struct Loss {
  LossFamily family;
  double parameter;  // the level of quantile, γ of focal; of intervals that of the loss of the point
  // of intervals alone: the loss of the point, and the levels, ascending, of which n_below are below it
  LossFamily point;
  std::size_t n_levels, n_below;
  double levels[most_levels];
};
enum class Optimizer : int {
  sgd,
  momentum,
  nesterov,
  rmsprop,
  adagrad,
  adam,
  adamw,
  sutskever,
  sutskever_nesterov,
  adam_epsilon_hat
};
enum class Elementary : int { exp, expm1, log, log1p_of_unit, tanh, sigmoid, softplus, erf, normal_distribution, fma };

// The numbers of one update, rounded to T once a step.
template <class T> struct Rule {
  Optimizer optimizer;
  T eta, l2, l1;
  T momentum, rho, rho_rest;  // rest: 1 - rho, formed in double
  T beta1, beta1_rest, beta2, beta2_rest;
  T step_size, v_correction;  // eta/(1 - beta1^t), 1/(1 - beta2^t)
  T epsilon, decay;           // decay: eta·weight_decay
  T shorten;                  // the factor of clip; 1 leaves g as it is
  // Where tensors have learning rates of their own: where each begins, and its rule. Null: this rule is for all.
  const std::size_t* starts = nullptr;
  const Rule* of_tensors = nullptr;
};

// Where a layer's parameters and optimizer arrays lie; all in the layout of W. Arrays not kept: null.
template <class T> struct Trained {
  T* theta;
  T* first;   // v of momentum, rmsprop, adagrad; m of adam
  T* second;  // v of adam
  T* gradient;
};

// z, g(z) and the dropout mask of a node, all in one layout (rows, n_out); mask null: no dropout. On the way
// back ∂J/∂a becomes delta: what another reader of a has left in `pending` is added, then mask and pullback.
template <class T> struct Activated {
  Activation activation;
  T* z;  // null if not needed
  T* g;
  T* a;  // g ⊙ mask; the same as g without a mask
  T* mask;
  const T* pending;  // null where one operation alone reads a
  // Numbers below these count as 0 (docs/notation.md, small numbers); 0: every number counts
  T small = 0;  // z, u and a
  T small_delta = 0;
  bool watched = false;  // an infinite z becomes NaN: g would hide it
  bool kept = true;      // a of the output layer is read after the step; else it may stay unwritten
};

template <class T> struct Targets {
  const std::int32_t* labels;  // class indices of the batch, or null
  const T* y;                  // panels (rows, n_outputs), where labels is null
};

// Rows of X, row-major, that the next step reads; n = 0: not known
template <class T> struct Upcoming {
  const T* X;
  const std::int64_t* rows;
  std::size_t n;
};

// Rows first … first + n of a batch
struct RowRange {
  std::size_t first, n;
};

// W (n_in, n_out) and the b that follows it in the plain layout
template <class T> struct PlainLayer {
  const T *W, *b;
  std::size_t n_in, n_out;
  T small;
};

// An embedding of some columns of the input layer (reference/kinds/embedding.py). mix: its rows of column f are
// begin[f] … begin[f + 1]; strides are whole cache lines. which[j]: the embedded column that j is, or n_columns.
enum class Basis : int { pbld, plr, piecewise_linear, category };
template <class T> struct Embedding {
  Basis basis;
  std::size_t n_in, n_columns, d, d_stride, k, k_stride;
  const std::size_t *place, *which, *columns, *begin, *edge;  // edge[f]: where the edges of column f begin
  const T* edges;
};
template <class T> struct EmbeddingTensors {
  const T *frequency, *phase, *slope, *mix, *offset;  // null where there is none
};

struct PhiloxKey {
  std::uint32_t k0, k1;
};

template <class T> struct Kernels {
  // rows[i] of X (row-major, n_columns) into row i of a panelled matrix, for i0 ≤ i < i1, while rows next[i] (or null)
  // are fetched; a chunk at check (or null) stays 0 where all numbers are finite. small here and below: as in Activated
  void (*gather)(const T* X, const std::int64_t* rows, const std::int64_t* next, Panels<T> out, std::size_t i0,
                 std::size_t i1, T small, T* check);
  // z = a_in @ W + b, g(z), mask: rows i0 … i1
  void (*dense_forward)(Panels<const T> a_in, Panels<const T> W, const T* b, Panels<T> shape, Activated<T> out,
                        std::size_t i0, std::size_t i1);
  // z = x @ W + b of a few rows, weights in the plain layout, rows of x and z x_row and z_row apart; for columns
  // c0 … c1, whole cache lines
  void (*dense_plain)(const T* x, std::size_t x_row, std::size_t n_rows, PlainLayer<T> layer, std::size_t c0,
                      std::size_t c1, T* z, std::size_t z_row);
  // delta of the node below from delta @ W.T; scratch here and below: scratch_of_layer
  void (*dense_delta)(Panels<const T> delta, Panels<const T> W, Activated<T> below, Panels<T> out, std::size_t i0,
                      std::size_t i1, T* scratch);
  // dW = a_in.T @ delta over n rows, for rows r0 … r1 of W: updated in the registers, here for the cache lines c0 … c1 of
  // the columns, which are all where a_in is wider than a panel, while the next rows are fetched; or left in gradient.
  // db (or null) as in bias_gradient
  void (*dense_update)(Panels<const T> a_in, Panels<const T> delta, std::size_t n, Trained<T> W, T* db,
                       const Rule<T>* rule, Upcoming<T> next, std::size_t r0, std::size_t r1, std::size_t c0,
                       std::size_t c1, T* scratch, T* check);
  void (*dense_gradient)(Panels<const T> a_in, Panels<const T> delta, RowRange rows, T* gradient, std::size_t r0,
                         std::size_t r1, T* scratch);
  // db = Σ_i delta_i for the cache lines c0 … c1 of its columns
  void (*bias_gradient)(Panels<const T> delta, RowRange rows, T* db, std::size_t c0, std::size_t c1);
  // u = gain ⊙ x̂ + shift of z, g(u), mask: rows i0 … i1; x̂ and 1/√(var + ε) of each row are kept
  void (*layer_norm_forward)(Panels<T> shape, const T* z, const T* gain, const T* shift, T* x_hat, T* inverse,
                             Activated<T> out, std::size_t i0, std::size_t i1);
  // ∂J/∂z from du = ∂J/∂u, rows i0 … i1
  void (*layer_norm_backward)(Panels<T> shape, const T* x_hat, const T* inverse, const T* gain, const T* du, T* delta,
                              T small, std::size_t i0, std::size_t i1);
  // dgain = Σ_i du_i ⊙ x̂_i over some rows
  void (*gain_gradient)(Panels<const T> du, const T* x_hat, RowRange rows, T* dgain);
  // a of an embedding of rows i0 … i1; phi: waves, kept for the way back
  void (*embed_forward)(const Embedding<T>& e, EmbeddingTensors<T> t, Panels<const T> X, T* phi, Panels<T> own, T small,
                        std::size_t i0, std::size_t i1);
  // de and dz of rows i0 … i1, kept for the gradients; ∂J/∂X into dX, or null
  void (*embed_backward)(const Embedding<T>& e, EmbeddingTensors<T> t, Panels<const T> X, const T* phi,
                         Panels<const T> own, const T* delta, T* de, T* dz, T* dX, std::size_t i0, std::size_t i1);
  // the gradients of embedded column f over some rows
  void (*embed_gradient)(const Embedding<T>& e, EmbeddingTensors<T> gradient, Panels<const T> X, const T* phi,
                         const T* de, const T* dz, RowRange rows, std::size_t f);
  // u = z + alpha ⊙ (g(z) - z), mask: rows i0 … i1; g(z) and the difference are kept for the way back
  void (*parametric_forward)(Panels<T> shape, Activation activation, const T* z, const T* alpha, T* g, T* difference,
                             Activated<T> out, std::size_t i0, std::size_t i1);
  // ∂J/∂z = du + alpha ⊙ (du ⊙ g′(z) - du)
  void (*parametric_backward)(Panels<T> shape, Activation activation, const T* z, const T* g, const T* alpha,
                              const T* du, T* delta, T small, std::size_t i0, std::size_t i1);
  // out = x ⊙ scale, one factor a column, rows i0 … i1: both passes of a scale layer
  void (*scale_rows)(Panels<T> shape, const T* x, const T* scale, T* out, T small, std::size_t i0, std::size_t i1);
  // K networks side by side (members.hpp), rows i0 … i1 of the batch: K rows of each; ∂J/∂x of them; the gradient of the
  // factors of member k; the rows of member k by themselves, or back; a sum over members
  void (*member_rows)(Panels<const T> x, std::size_t K, const T* scale, Panels<T> out, T small, std::size_t i0,
                      std::size_t i1);
  void (*member_rows_back)(Panels<const T> da, std::size_t K, const T* scale, Panels<T> dx, std::size_t i0,
                           std::size_t i1);
  void (*member_gradient)(Panels<const T> da, std::size_t K, std::size_t k, Panels<const T> x, RowRange rows,
                          T* dscale);
  void (*rows_of_member)(Panels<T> all, std::size_t K, std::size_t k, Panels<T> own, bool back, std::size_t i0,
                         std::size_t i1);
  void (*add_member)(Panels<T> shape, const T* x, T by, bool first, T* sum, std::size_t i0, std::size_t i1);
  // out = x + y, rows i0 … i1
  void (*residual_forward)(Panels<T> shape, const T* x, const T* y, T* out, std::size_t i0, std::size_t i1);
  // delta of a node from ∂J/∂a, rows i0 … i1
  void (*node_delta)(Panels<T> shape, Activated<T> node, const T* da, T* delta, std::size_t i0, std::size_t i1);
  // elementwise over n numbers, n a multiple of chunk
  void (*penalise)(T* gradient, const T* W, const Rule<T>* rule, std::size_t n);
  void (*update)(Trained<T> part, const Rule<T>* rule, std::size_t n, T* check);
  void (*settle)(T* x, T small, std::size_t n);  // numbers below small become 0
  void (*activate)(Activation activation, const T* z, T* a, std::size_t n, T small);
  void (*pullback)(Activation activation, const T* z, const T* a, const T* da, T* delta, std::size_t n, T small);
  void (*elementary)(Elementary function, const T* x, T* y, std::size_t n);
  double (*sum_of_squares)(const T* x, std::size_t n);
  // a, delta and the loss of every row i0 … i1 of the output layer; scale null: only a and the losses
  void (*loss)(const Loss& loss, Panels<T> shape, Activated<T> output, T* delta, Targets<T> targets, const T* scale,
               T* row_loss, std::size_t i0, std::size_t i1);
  void (*softmax)(Panels<T> shape, const T* z, T* a, T small, std::size_t i0, std::size_t i1);
  // of the R-operator: what g″ adds to delta; Rdelta of the output layer; the layer normalisation
  void (*bend)(Activation activation, const T* z, const T* a, const T* da, const T* Rz, T* delta, std::size_t n);
  void (*bend_of_delta)(const Loss& loss, Panels<T> shape, Activated<T> output, const T* Rz, T* Rdelta, T* da,
                        Targets<T> targets, const T* scale);
  void (*R_layer_norm_forward)(Panels<T> shape, const T* x_hat, const T* inverse, const T* Rz, const T* gain,
                               const T* Rgain, const T* Rshift, T* Rx_hat, T* Rroot, T* Ru);
  void (*R_layer_norm_backward)(Panels<T> shape, const T* x_hat, const T* inverse, const T* Rx_hat, const T* Rroot,
                                const T* gain, const T* Rgain, const T* du, const T* Rdu, const T* delta, T* Rdelta);
  // the mask of dropout for rows i0 … i1; scratch: words of those rows, and 64 more
  void (*dropout_mask)(PhiloxKey key, std::uint32_t lane, std::uint32_t threshold, T kept, Panels<T> mask,
                       std::size_t i0, std::size_t i1, std::uint32_t* scratch);
};

// Rows of the batch whose part of a_in and delta is laid out at once for dW; room for them and for a panel of W.T
constexpr std::size_t gradient_rows = 512;
template <class T> constexpr std::size_t scratch_of_layer(std::size_t capacity, std::size_t n_out) {
  const std::size_t rows = capacity < gradient_rows ? capacity : gradient_rows, columns = padded_columns<T>(n_out);
  const std::size_t of_gradient = rows * (panel<T> + columns), of_delta = panel<T> * columns;
  return of_gradient > of_delta ? of_gradient : of_delta;
}

struct Variant {
  const char* name;
  const Kernels<float>* float32;
  const Kernels<double>* float64;
  // words 32·block … of a stream: n_blocks·32 of them
  void (*words)(PhiloxKey key, std::uint32_t lane, std::uint64_t first_block, std::uint64_t n_blocks,
                std::uint32_t* out);
  // seconds-free loop of independent fused multiply-adds: returns how many floating-point operations it did
  double (*peak)(std::uint64_t n_rounds, float* sink);
};

}  // namespace chainrule
