// One thread or all of them, by the clock: all where that is faster by a tenth at least, for the other cores have
// work of their own. Machinery without mathematics; no bit depends on it.
#pragma once

#include <algorithm>
#include <cstddef>

namespace chainrule {

class ThreadChoice {
 public:
  struct Turn {
    std::size_t n_threads, n_untimed, n_timed;  // steps: the untimed ones wake sleeping threads and warm their caches
  };

  // Without a choice (one thread, or a number stated by the user) there is nothing to try.
  ThreadChoice(std::size_t n_threads, bool may_choose) : n_threads_(n_threads), active_(n_threads), free_(may_choose) {
    decided_ = !may_choose || n_threads == 1;
  }

  bool decided() const { return decided_; }
  std::size_t active() const { return active_; }

  // What to do next of n steps at hand. Where few are at hand, waking is part of their true cost and is timed. Long
  // steps are told apart by few of them.
  Turn next_turn(std::size_t n) const {
    const std::size_t n_untimed = n >= 8 ? 2 : 0;
    const double one = turn_ > 0 ? seconds_[0][0] : 0;
    const std::size_t enough = one > 0 ? std::clamp<std::size_t>(static_cast<std::size_t>(0.01 / one), 1, 16) : (n_untimed ? 8 : 1);
    return {turn_ % 2 ? n_threads_ : 1, n_untimed, std::min(n - n_untimed, enough)};
  }

  void turn_took(double seconds, std::size_t n_steps) {
    trial_ += seconds;
    seconds_[turn_ % 2][turn_ / 2] = seconds / static_cast<double>(n_steps);
    if (++turn_ < n_turns) return;
    active_ = median(seconds_[1]) < 0.9 * median(seconds_[0]) ? n_threads_ : 1;
    decided_ = true;
  }

  // Cores that were free at the trial may be taken later; waiting for a thread that does not run is slow. And taken
  // ones may become free: one thread is put to the trial again after twenty times as long as the last one took.
  void stretch_took(double seconds, std::size_t n_steps) {
    if (!free_ || n_threads_ == 1) return;
    since_ += seconds;
    const bool slow = n_steps >= 16 && seconds > 1.2 * median(seconds_[0]) * static_cast<double>(n_steps);
    if (active_ == 1 ? since_ > 20 * trial_ : slow) decided_ = false, turn_ = 0, trial_ = since_ = 0;
  }

 private:
  static constexpr std::size_t n_turns = 6;

  // of three: one lucky or unlucky turn on a busy machine decides nothing
  static double median(const double (&x)[n_turns / 2]) {
    return std::max(std::min(x[0], x[1]), std::min(std::max(x[0], x[1]), x[2]));
  }

  std::size_t n_threads_, active_, turn_ = 0;
  bool free_, decided_;
  double seconds_[2][n_turns / 2] = {};  // of one step in each turn: alone, with all threads
  double trial_ = 0, since_ = 0;         // seconds of the last trial, and of what was done after it
};

}  // namespace chainrule
