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
    cost_ += share_of_trial * seconds;
    if (++n_waited_ >= 64) decide(1);
  }

  // Whether a turn of n steps has already taken as long as one thread takes for all of it: where the other cores are at
  // work for somebody else, a step may take a hundred times as long.
  bool is_lost(double seconds, std::size_t n_steps) const {
    return turn_ % 2 && seconds > seconds_[0][turn_ / 2] * static_cast<double>(n_steps);
  }

  // Two turns of three decide: one lucky or unlucky turn on a busy machine does not.
  void turn_took(double seconds, std::size_t n_steps) {
    if (n_steps == 0) return;  // interrupted
    const double alone = seconds_[0][turn_ / 2], n = static_cast<double>(n_steps);
    seconds_[turn_ % 2][turn_ / 2] = seconds / n;
    cost_ += share_of_trial * seconds;
    if (turn_++ % 2 == 0) return;
    cost_ += std::max(0.0, seconds - n * alone);
    const bool won = seconds < 0.9 * n * alone;
    n_won_ += won, n_lost_ += !won;
    if (n_won_ == 2 || n_lost_ == 2) decide(n_won_ == 2 ? n_threads_ : 1);
  }

  // Cores that were free at the trial may be taken later; waiting for a thread that does not run is slow. And taken
  // ones may become free: one thread is put to the trial again after three times what the last one cost, and after twice
  // as much each time it wins again.
  void stretch_took(double seconds, std::size_t n_steps) {
    if (!free_ || n_threads_ == 1) return;
    since_ += seconds;
    const bool slow = n_steps >= 16 && seconds > 1.2 * alone_ * static_cast<double>(n_steps);
    if (active_ == 1 ? since_ > patience_ * cost_ : slow) *this = ThreadChoice(*this, patience_);
  }

 private:
  static constexpr std::size_t n_turns = 6;
  static constexpr double share_of_trial = 0.25;  // of its time, what a trial counts as its cost beyond what it lost

  // The trial begins anew.
  ThreadChoice(const ThreadChoice& before, double patience)
      : n_threads_(before.n_threads_), active_(before.active_), free_(true), patience_(patience) {}

  void decide(std::size_t n_threads) {
    active_ = n_threads, decided_ = true, alone_ = seconds_[0][0];
    patience_ = n_threads == 1 ? std::min(2 * patience_, 40.0) : 1.5;
  }

  std::size_t n_threads_, active_, turn_ = 0, n_waited_ = 0, n_won_ = 0, n_lost_ = 0;
  bool free_, decided_ = false;
  double seconds_[2][n_turns / 2] = {};  // of one step in each turn: alone, with all threads
  double alone_ = 0;                     // of one step on one thread, by the last trial
  double cost_ = 0, since_ = 0;          // seconds of the last trial, and of what was done after it
  double patience_ = 1.5;                // how many times what a trial costs one thread is left alone; doubled first
};

}  // namespace chainrule
