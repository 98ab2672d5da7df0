// Kernels alone, without Python and without an engine around them, against sums written as loops of fused multiply-adds.
// Prints a line for each check that fails, and how many were made.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "dispatch.hpp"
#include "panels.hpp"

namespace {

using namespace chainrule;

int n_checks = 0, n_wrong = 0;

void check(bool right, const std::string& what) {
  ++n_checks;
  if (right) return;
  ++n_wrong;
  std::printf("wrong: %s\n", what.c_str());
}

// A matrix in panels, its padding 0; at(i, j) counts rows and columns.
template <class T> struct Matrix {
  std::size_t rows, columns;
  std::unique_ptr<T, decltype(&std::free)> data;

  Matrix(std::size_t rows, std::size_t columns)
      : rows(rows), columns(columns), data(static_cast<T*>(std::aligned_alloc(64, bytes(rows, columns))), std::free) {
    for (std::size_t i = 0; i < n_elements<T>(rows, columns); ++i) data.get()[i] = 0;
  }
  static std::size_t bytes(std::size_t rows, std::size_t columns) {
    return round_up(n_elements<T>(rows, columns) * sizeof(T), 64);
  }
  T& at(std::size_t i, std::size_t j) const {
    const std::size_t p = j / panel<T>;
    return data.get()[panel_start<T>(rows, p) + i * panel_width<T>(columns, p) + j % panel<T>];
  }
  operator Panels<T>() const { return {data.get(), rows, columns}; }
  operator Panels<const T>() const { return {data.get(), rows, columns}; }
};

double next() {
  static std::uint64_t state = 88172645463325252ULL;  // xorshift: the same numbers on every machine
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return static_cast<double>(state % 20011) / 10005.5 - 1;
}

template <class T> Matrix<T> random(std::size_t rows, std::size_t columns) {
  Matrix<T> m(rows, columns);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) m.at(i, j) = static_cast<T>(next());
  return m;
}

// z = a_in @ W + b: one chain of fused multiply-adds over k from 0 upwards, then + b, to the bit.
template <class T> void test_dense_forward(const Kernels<T>& kernels, std::size_t n, std::size_t K, std::size_t J) {
  const auto a = random<T>(n, K), W = random<T>(K, J), b = random<T>(1, J);
  const Matrix<T> z(n, J);
  kernels.dense_forward(a, W, b.data.get(), z,
                        {Activation::identity, z.data.get(), z.data.get(), z.data.get(), nullptr, nullptr}, 0, n);
  bool same = true;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < J; ++j) {
      T sum = 0;
      for (std::size_t k = 0; k < K; ++k) sum = std::fma(a.at(i, k), W.at(k, j), sum);
      same = same && z.at(i, j) == sum + b.at(0, j);
    }
  check(same, "dense_forward " + std::to_string(n) + " x " + std::to_string(K) + " x " + std::to_string(J));
}

// dW = a_in.T @ delta over some rows, in their order, and db their sums, to the bit. Of no rows both are 0.
template <class T>
void test_dense_gradient(const Kernels<T>& kernels, std::size_t n, std::size_t K, std::size_t J, RowRange rows) {
  const auto a = random<T>(n, K), delta = random<T>(n, J), dW = random<T>(K, J), db = random<T>(1, J);
  const Matrix<T> scratch(512, 512);
  kernels.dense_gradient(a, delta, rows, dW.data.get(), 0, K, scratch.data.get());
  kernels.bias_gradient(delta, rows, db.data.get(), 0, padded_columns<T>(J) / chunk<T>);
  const std::size_t first = rows.first, end = rows.first + rows.n;
  bool same = true;
  for (std::size_t j = 0; j < J; ++j) {
    T sum = 0;
    for (std::size_t i = first; i < end; ++i) sum = sum + delta.at(i, j);
    same = same && db.at(0, j) == sum;
    for (std::size_t k = 0; k < K; ++k) {
      T chain = 0;
      for (std::size_t i = first; i < end; ++i) chain = std::fma(a.at(i, k), delta.at(i, j), chain);
      same = same && dW.at(k, j) == chain;
    }
  }
  check(same, "dense_gradient " + std::to_string(n) + " x " + std::to_string(K) + " x " + std::to_string(J) +
                  ", rows " + std::to_string(first) + " to " + std::to_string(end));
}

// W - eta·dW where the tiles leave the registers, and db beside it, for all rows of W or those from r0 on, to the bit.
template <class T>
void test_dense_update(const Kernels<T>& kernels, std::size_t n, std::size_t K, std::size_t J, std::size_t r0) {
  const auto a = random<T>(n, K), delta = random<T>(n, J), before = random<T>(K, J);
  const Matrix<T> W(K, J), gradient(K, J), db(1, J), scratch(512, 512), watched(1, chunk<T>);
  std::memcpy(W.data.get(), before.data.get(), n_elements<T>(K, J) * sizeof(T));
  Rule<T> rule{};
  rule.optimizer = Optimizer::sgd, rule.eta = static_cast<T>(0.01), rule.shorten = 1;
  kernels.dense_update(a, delta, n, {W.data.get(), nullptr, nullptr, gradient.data.get()}, db.data.get(), &rule, {}, r0,
                       K, 0, padded_columns<T>(J) / chunk<T>, scratch.data.get(), watched.data.get());
  bool same = true;
  for (std::size_t j = 0; j < J; ++j) {
    T sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum = sum + delta.at(i, j);
    same = same && db.at(0, j) == sum;
    for (std::size_t k = 0; k < K; ++k) {
      T chain = 0;
      for (std::size_t i = 0; i < n; ++i) chain = std::fma(a.at(i, k), delta.at(i, j), chain);
      same = same && W.at(k, j) == (k < r0 ? before.at(k, j) : std::fma(-rule.eta, chain, before.at(k, j)));
    }
  }
  check(same, "dense_update " + std::to_string(n) + " x " + std::to_string(K) + " x " + std::to_string(J) + " from " +
                  std::to_string(r0));
}

// delta of the layer below, a rectifier where it has g: (delta @ W.T) ⊙ g′, to the bit; numbers below 0.001 are 0.
template <class T> void test_rectified_delta(const Kernels<T>& kernels, std::size_t n, std::size_t K, std::size_t J) {
  const auto delta = random<T>(n, J), W = random<T>(K, J), g = random<T>(n, K);
  const Matrix<T> below(n, K), scratch(512, 512);
  const T small = static_cast<T>(0.001);
  const Activated<T> node{Activation::relu, nullptr, g.data.get(), g.data.get(), nullptr, nullptr, T(0), small};
  kernels.dense_delta(delta, W, node, below, 0, n, scratch.data.get());
  bool same = true;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < K; ++k) {
      T chain = 0;
      for (std::size_t j = 0; j < J; ++j) chain = std::fma(delta.at(i, j), W.at(k, j), chain);
      same = same && below.at(i, k) == (g.at(i, k) > 0 && std::fabs(chain) >= small ? chain : T(0));
    }
  check(same, "rectified delta " + std::to_string(n) + " x " + std::to_string(K) + " x " + std::to_string(J));
}

// delta of the layer below, identity: delta @ W.T, to the bit.
template <class T> void test_dense_delta(const Kernels<T>& kernels, std::size_t n, std::size_t K, std::size_t J) {
  const auto delta = random<T>(n, J), W = random<T>(K, J);
  const Matrix<T> below(n, K), scratch(512, 512);
  const Activated<T> node{Activation::identity, below.data.get(), below.data.get(), below.data.get(), nullptr, nullptr};
  kernels.dense_delta(delta, W, node, below, 0, n, scratch.data.get());
  bool same = true;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < K; ++k) {
      T chain = 0;
      for (std::size_t j = 0; j < J; ++j) chain = std::fma(delta.at(i, j), W.at(k, j), chain);
      same = same && below.at(i, k) == chain;
    }
  check(same, "dense_delta " + std::to_string(n) + " x " + std::to_string(K) + " x " + std::to_string(J));
}

// Rows of X by their numbers, in any order, rows of any length.
template <class T> void test_gather(const Kernels<T>& kernels, std::size_t columns) {
  const std::size_t n = 9;
  std::vector<T> X(n * columns);
  for (T& x : X) x = static_cast<T>(next());
  const std::vector<std::int64_t> rows{4, 0, 8, 8, 3};
  const Matrix<T> out(rows.size(), columns);
  kernels.gather(X.data(), rows.data(), nullptr, out, 0, rows.size(), T(0), nullptr);
  bool same = true;
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < columns; ++j)
      same = same && out.at(i, j) == X[static_cast<std::size_t>(rows[i]) * columns + j];
  check(same, "gather of " + std::to_string(columns) + " columns");
}

template <class T> void test_all(const Kernels<T>& kernels) {
  const std::size_t sizes[][3] = {{1, 1, 1},    {3, 5, 2},    {7, 17, 9},   {12, 64, 10},   {13, 33, 65},   {16, 8, 10},
                                  {64, 20, 64}, {50, 100, 1}, {28, 14, 10}, {130, 257, 70}, {300, 140, 300}};
  for (const auto& [n, K, J] : sizes) {
    test_dense_forward(kernels, n, K, J);
    for (const RowRange rows : {RowRange{0, n}, RowRange{n / 3, n - n / 2}, RowRange{n / 2, 0}})
      test_dense_gradient(kernels, n, K, J, rows);
    test_dense_update(kernels, n, K, J, 0);
    test_dense_update(kernels, n, K, J, K / 4 * 2);
    test_dense_delta(kernels, n, K, J);
    test_rectified_delta(kernels, n, K, J);
  }
  for (const std::size_t columns : {1, 2, 3, 15, 16, 17, 63, 64, 65, 200}) test_gather(kernels, columns);
}

}  // namespace

int main() {
  for (const Variant* variant : usable_variants()) {
    std::printf("%s\n", variant->name);
    test_all(*variant->float32);
    test_all(*variant->float64);
  }
  std::printf("%d checks, %d wrong\n", n_checks, n_wrong);
  return n_wrong == 0 && n_checks > 0 ? 0 : 1;
}
