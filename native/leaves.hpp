// The leaves of a batch: V contiguous parts of its rows, whose gradients and losses one tree adds up. Mirrors
// reference/leaves.py. The tree depends on V alone, so no bit depends on who computes which leaf.
#pragma once

#include <vector>

#include "batches.hpp"
#include "operations.hpp"

namespace chainrule {

constexpr std::size_t most_leaves = 65536;

// The rows of leaves a … b of V, in a batch of n; of few rows some leaves have none.
inline RowRange rows_of_leaves(std::size_t n, std::size_t V, std::size_t a, std::size_t b) {
  const std::size_t first = n * a / V;
  return {first, n * b / V - first};
}

// Sums that wait at the same time for those beside them
inline std::size_t n_levels(std::size_t V) {
  std::size_t levels = 1;
  for (std::size_t leaves = 1; leaves < V; leaves *= 2) ++levels;
  return levels;
}

// node(a, b) = leaf(a) where it is one, else node(a, m) + node(m, b), m = ⌊(a + b)/2⌋. leaf(l, level) leaves its value
// at a level, add(level) adds that of the next level to it.
template <class Leaf, class Add>
void add_up(std::size_t a, std::size_t b, std::size_t level, const Leaf& leaf, const Add& add) {
  if (b - a == 1) return leaf(a, level);
  const std::size_t m = (a + b) / 2;
  add_up(a, m, level, leaf, add);
  add_up(m, b, level + 1, leaf, add);
  add(level);
}

// Leaves a … b of V: a node of the tree
struct TreeNode {
  std::size_t a, b;
};

template <class T> class Leaves {
 public:
  Leaves(std::size_t V, std::size_t n_parameters) : V(V) {
    for (std::size_t level = 1; level < n_levels(V); ++level) waiting_.emplace_back(n_parameters);
  }

  RowRange rows(const Batch& batch, TreeNode node) const { return rows_of_leaves(batch.n, V, node.a, node.b); }
  TreeNode root() const { return {0, V}; }

  // The gradient of units r0 … r1 of an operation, in t.gradient
  void gradient(Operation<T>& operation, const Trained<T>& t, const Batch& batch, TreeNode node, std::size_t r0,
                std::size_t r1, T* scratch) const {
    const auto at = [&](std::size_t level) {
      return Trained<T>{t.theta, t.first, t.second, level == 0 ? t.gradient : waiting_[level - 1].get()};
    };
    add_up(
        node.a, node.b, 0,
        [&](std::size_t l, std::size_t level) {
          const RowRange own = rows(batch, {l, l + 1});
          operation.gradient(at(level), {own.first * operation.rows_each, own.n * operation.rows_each}, r0, r1,
                             scratch);
        },
        [&](std::size_t level) { operation.add_gradient(at(level), at(level + 1).gradient, r0, r1); });
  }

  // J = Σ scale_i·loss_i
  double loss(const Batches<T>& batches, const Batch& batch, const T* scale, TreeNode node) const {
    double sums[64];  // more levels than there can be
    add_up(
        node.a, node.b, 0,
        [&](std::size_t l, std::size_t level) { sums[level] = batches.loss(scale, rows(batch, {l, l + 1})); },
        [&](std::size_t level) { sums[level] += sums[level + 1]; });
    return sums[0];
  }

  const std::size_t V;

 private:
  std::vector<Buffer<T>> waiting_;  // gradients at level 1, 2, …
};

}  // namespace chainrule
