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
  // Whether the next steps are for all threads, but one may do them where the others do not come
  bool may_wait() const { return free_ && n_threads_ > 1 && (decided_ ? active_ > 1 : turn_ % 2 == 1); }
  double step_alone() const { return decided_ ? alone_ : seconds_[0][turn_ / 2]; }
  std::size_t active() const { return active_; }

  // What to do next of n steps at hand. Where few are at hand, waking is part of their true cost and is timed. Long
  // steps are told apart by few of them.
  Turn next_turn(std::size_t n) const {
    const std::size_t n_untimed = n >= 8 ? 2 : 0;
    const double one = turn_ > 0 ? seconds_[0][0] : 0;
    const std::size_t enough = one > 0 ? std::clamp<std::size_t>(static_cast<std::size_t>(0.01 / one), 1, 16) : (n_untimed ? 8 : 1);
    return {turn_ % 2 ? n_threads_ : 1, n_untimed, std::min(n - n_untimed, enough)};
  }

  // A step that one thread did because the others had not come yet. A trial ends where they stay away.
  void waited_a_step(double seconds) {
    if (decided_) return;
    trial_ += seconds;
    if (++n_waited_ >= 64) decide(1);
  }

  // Whether a turn of n steps has already taken as long as one thread takes for all of it: where the other cores are at
  // work for somebody else, a step may take a hundred times as long.
  bool is_lost(double seconds, std::size_t n_steps) const {
    return turn_ % 2 && seconds > seconds_[0][turn_ / 2] * static_cast<double>(n_steps);
  }

  void turn_took(double seconds, std::size_t n_steps) {
    trial_ += seconds;
    seconds_[turn_ % 2][turn_ / 2] = seconds / static_cast<double>(n_steps);
    if (turn_ % 2 && seconds_[1][turn_ / 2] > 2 * seconds_[0][turn_ / 2]) return decide(1);
    if (++turn_ == n_turns) decide(median(seconds_[1]) < 0.9 * median(seconds_[0]) ? n_threads_ : 1);
  }

  // Cores that were free at the trial may be taken later; waiting for a thread that does not run is slow. And taken
  // ones may become free: one thread is put to the trial again after ten times as long as the last one took, and
  // after twice as many times where it won again.
  void stretch_took(double seconds, std::size_t n_steps) {
    if (!free_ || n_threads_ == 1) return;
    since_ += seconds;
    const bool slow = n_steps >= 16 && seconds > 1.2 * alone_ * static_cast<double>(n_steps);
    if (active_ == 1 ? since_ > patience_ * trial_ : slow) decided_ = false, turn_ = 0, trial_ = since_ = 0;
  }

 private:
  static constexpr std::size_t n_turns = 6;

  void decide(std::size_t n_threads) {
    active_ = n_threads, decided_ = true, n_waited_ = 0;
    patience_ = n_threads == 1 ? std::min(2 * patience_, 40.0) : 5;
    if (n_threads > 1) alone_ = median(seconds_[0]);
  }

  // of three: one lucky or unlucky turn on a busy machine decides nothing
  static double median(const double (&x)[n_turns / 2]) {
    return std::max(std::min(x[0], x[1]), std::min(std::max(x[0], x[1]), x[2]));
  }

  std::size_t n_threads_, active_, turn_ = 0, n_waited_ = 0;
  bool free_, decided_;
  double seconds_[2][n_turns / 2] = {};  // of one step in each turn: alone, with all threads
  double alone_ = 0;                     // of one step on one thread, where all were chosen
  double trial_ = 0, since_ = 0;         // seconds of the last trial, and of what was done after it
  double patience_ = 5;                  // how many times as long as a trial one thread is left alone; doubled first
};

}  // namespace chainrule
