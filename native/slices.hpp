// The flat vector of the parameters cut into slices, one for each of several processes that share an update. An owner
// adds up the gradient of its slice, and updates it by its part of the optimizer's arrays; nobody else keeps that part.
//
// A slice is whole pieces, a piece being what a unit has in one place (Operation::pieces). Squares of a gradient are
// taken piece by piece and added up by units, in the order in which a session that owns everything adds them.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "leaves.hpp"
#include "shares.hpp"

namespace chainrule {

template <class T> class Slices {
 public:
  // Pieces begin … end - 1 of a slice or of a thread's share of it
  struct Range {
    std::size_t begin, end;
  };

  Slices(const Operations<T>& operations, std::size_t n_parameters, std::size_t n, std::size_t own)
      : size_(n_parameters), own_(own) {
    std::size_t end = 0, before = 0;
    for (const auto& operation : operations) {
      operation->pieces([&](Piece piece) {
        piece.unit += before;
        pieces_.push_back(piece);
      });
      before += operation->n_units();
    }
    std::sort(pieces_.begin(), pieces_.end(), [](const Piece& x, const Piece& y) { return x.at < y.at; });
    for (const Piece& piece : pieces_) {
      if (piece.at != end) throw std::logic_error("the pieces of the operations are not all parameters");
      end += piece.n;
    }
    if (end != n_parameters) throw std::logic_error("the pieces of the operations are not all parameters");
    for (std::size_t i = 0; i <= n; ++i) bounds_.push_back(cut(n_parameters / n * i + n_parameters % n * i / n));
    sum_ = Buffer<T>(n_own());
  }

  // Where slice i begins: its first piece, and that in the flat vector. Slice n begins at the end.
  std::size_t piece(std::size_t i) const { return bounds_[i]; }
  std::size_t at(std::size_t i) const { return place(bounds_[i]); }
  std::size_t n_slices() const { return bounds_.size() - 1; }
  std::size_t first() const { return at(own_); }
  std::size_t n_own() const { return at(own_ + 1) - at(own_); }
  std::size_t n_pieces() const { return pieces_.size(); }

  // What a thread does of the own slice
  Range share(std::size_t thread, std::size_t n_threads) const {
    const std::size_t n = n_own();
    return {cut(first() + n * thread / n_threads), cut(first() + n * (thread + 1) / n_threads)};
  }

  // The slice of the root's gradient, from those of nodes that make it up
  void add_up(const Kernels<T>& k, const std::vector<TreeNode>& nodes, const std::vector<const T*>& values,
              std::size_t V, Range range, T* scratch) const {
    const std::size_t end = place(range.end) - first();
    for (std::size_t i = place(range.begin) - first(); i < end; i += block) {
      const Sum of{k, nodes, values, i, std::min(block, end - i)};
      const T* const found = of.node(0, V, sum_.get() + i, scratch);
      if (found != sum_.get() + i) std::copy(found, found + of.n, sum_.get() + i);
    }
  }
  static std::size_t scratch_size(std::size_t V) { return block * n_levels(V); }

  void penalise(const Kernels<T>& k, const T* theta, const Rule<T>& rule, Range range) const {
    runs(range, [&](const Piece& run) {
      if (run.penalised) k.penalise(sum_.get() + (run.at - first()), theta + run.at, &rule, run.n);
    });
  }

  // Σ g² of every piece of the own slice, from out[0] on
  void squares(const Kernels<T>& k, Range range, double* out) const {
    for (std::size_t i = range.begin; i < range.end; ++i)
      out[i - bounds_[own_]] = k.sum_of_squares(sum_.get() + (pieces_[i].at - first()), pieces_[i].n);
  }
  // Of all units, from those of all pieces
  void squares_of_units(const double* of_pieces, double* of_units) const {
    for (const Piece& piece : pieces_) of_units[piece.unit] = 0;
    for (std::size_t i = 0; i < pieces_.size(); ++i) of_units[pieces_[i].unit] += of_pieces[i];
  }

  // The update of the own slice; first and second are that part of the optimizer's arrays, or null
  void update(const Kernels<T>& k, T* theta, T* state1, T* state2, const Rule<T>& rule, Range range, T* check) const {
    runs(range, [&](const Piece& run) {
      const std::size_t i = run.at - first();
      const Trained<T> part{theta + run.at, state1 ? state1 + i : nullptr, state2 ? state2 + i : nullptr,
                            sum_.get() + i};
      k.update(part, rule_at(rule, run.start), run.n, check);
    });
  }

  // Numbers of the own slice below these become 0: in the parameters, in the optimizer's arrays
  void settle(const Kernels<T>& k, T* theta, T* state1, T* state2, T least, T least1, T least2, Range range) const {
    const std::size_t begin = place(range.begin), n = place(range.end) - begin;
    k.settle(theta + begin, least, n);
    if (state1) k.settle(state1 + (begin - first()), least1, n);
    if (state2) k.settle(state2 + (begin - first()), least2, n);
  }

 private:
  static constexpr std::size_t block = 4096 / sizeof(T);

  struct Sum {
    const Kernels<T>& k;
    const std::vector<TreeNode>& nodes;
    const std::vector<const T*>& values;
    std::size_t first, n;
    // Where the value of node (a, b) is: its own, or a sum in `out`
    const T* node(std::size_t a, std::size_t b, T* out, T* scratch) const {
      for (std::size_t i = 0; i < nodes.size(); ++i)
        if (nodes[i].a == a && nodes[i].b == b) return values[i] + first;
      const std::size_t m = (a + b) / 2;
      const T* const left = node(a, m, out, scratch + block);
      const T* const right = node(m, b, scratch, scratch + block);
      k.residual_forward({nullptr, 1, n}, left, right, out, 0, 1);
      return out;
    }
  };

  std::size_t place(std::size_t piece) const { return piece < pieces_.size() ? pieces_[piece].at : size_; }
  std::size_t cut(std::size_t x) const {  // the first piece that does not begin before x
    const auto begins = [](const Piece& piece, std::size_t y) { return piece.at < y; };
    return static_cast<std::size_t>(std::lower_bound(pieces_.begin(), pieces_.end(), x, begins) - pieces_.begin());
  }
  // f(run) for neighbouring pieces of a tensor together
  template <class F> void runs(Range range, const F& f) const {
    for (std::size_t i = range.begin; i < range.end;) {
      Piece run = pieces_[i++];
      for (; i < range.end && pieces_[i].start == run.start; ++i) run.n += pieces_[i].n;
      f(run);
    }
  }

  const std::size_t size_, own_;
  std::vector<Piece> pieces_;
  std::vector<std::size_t> bounds_;
  Buffer<T> sum_;
};

}  // namespace chainrule
