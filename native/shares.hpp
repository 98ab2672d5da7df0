// The units of all operations of a network together: what threads share of them by cost, their number, and the sums of
// squares over them. Sums are taken in the order of the units, so that no share changes a bit of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "operations.hpp"

namespace chainrule {

template <class T> using Operations = std::vector<std::unique_ptr<Operation<T>>>;

template <class T> std::size_t n_units(const Operations<T>& operations) {
  std::size_t n = 0;
  for (const auto& operation : operations) n += operation->n_units();
  return n;
}

constexpr bool by_share = true;  // what an update is divided by (Operation::n_shares), in place of units

// f(operation, first unit, end, number of the operation's first unit) for a thread's share of all units by cost.
template <bool shares = false, class T, class F>
void for_units(const Operations<T>& operations, std::size_t thread, std::size_t n_threads, const F& f) {
  double total = 0, before = 0;
  for (const auto& operation : operations)
    total += static_cast<double>(operation->n_units()) * operation->cost_of_unit();  // the same by shares
  const double low = total * static_cast<double>(thread) / static_cast<double>(n_threads);
  const double high = total * static_cast<double>(thread + 1) / static_cast<double>(n_threads);
  std::size_t number = 0;
  for (const auto& operation : operations) {
    const std::size_t n = shares ? operation->n_shares() : operation->n_units();
    const double cost = shares ? operation->cost_of_share() : operation->cost_of_unit();
    const auto unit_at = [&](double x) {  // whole tiles of two rows
      return x <= before ? 0
             : x >= before + cost * static_cast<double>(n)
                 ? n
                 : std::min(n, static_cast<std::size_t>((x - before) / cost) / 2 * 2);
    };
    const std::size_t r0 = unit_at(low), r1 = thread + 1 == n_threads ? n : unit_at(high);
    if (r0 < r1) f(*operation, r0, r1, number);
    before += cost * static_cast<double>(n);
    number += n;
  }
}

// Σ‖W‖² over the weights that the penalties act on
template <class T> double squares_of_weights(const Operations<T>& operations, const T* theta) {
  double sum = 0;
  for (const auto& operation : operations) sum += operation->squares_of_weights(theta);
  return sum;
}

// The factor that shortens all gradients together to clip_norm, from the squares of every unit's gradient. NaN, which
// ends the training, for a norm that is not finite: nothing can be shortened by it.
template <class T> T shortening(const double* squares, std::size_t n_units, double clip_norm) {
  double sum = 0;
  for (std::size_t r = 0; r < n_units; ++r) sum += squares[r];
  const double norm = std::sqrt(sum);
  if (!std::isfinite(norm)) return std::numeric_limits<T>::quiet_NaN();
  return norm > clip_norm ? T(clip_norm / norm) : T(1);
}

}  // namespace chainrule
