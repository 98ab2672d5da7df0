// One thread or all of them, by the clock: all where that is faster by a tenth at least, for the other cores have
// work of their own. Infrastructure without mathematics; no bit depends on it.
#pragma once

#include <algorithm>
#include <cstddef>

namespace chainrule {

class ThreadChoice {
 public:
  // What a number of steps took; stopped: by trouble or by the user, perhaps before all were done
  struct Took {
    double seconds;
    std::size_t done;
    bool stopped;
  };

  // Without a choice (one thread, or a number stated by the user) there is nothing to try.
  ThreadChoice(std::size_t n_threads, bool may_choose)
      : n_threads_(n_threads), active_(n_threads), free_(may_choose && n_threads > 1), decided_(!free_) {}

  bool decided() const { return decided_; }
  std::size_t active() const { return active_; }
  std::size_t n_threads() const { return n_threads_; }
  // Whether the next steps are for more than one thread
  bool wants_others() const { return decided_ ? active_ > 1 : turn_ % 2 == 1; }

  // Whether the next steps are for all threads, but one may do them where the others do not come
  bool may_wait() const { return free_ && wants_others(); }
  double step_alone() const { return decided_ ? alone_ : seconds_[turn_ / 2]; }
  // A step that one thread did because the others had not come yet. A trial ends where they stay away.
  void waited_a_step(double seconds) {
    if (decided_) return;
    cost_ += share_of_trial * seconds;
    if (++n_waited_ >= 64) decide(1);
  }

  // A turn of the trial on up to n available steps, alternating between one thread and all threads, a few steps at a time:
  // run(first, n, n_threads) does them and returns what they Took. Returns the steps done.
  template <class Run> std::size_t take_turn(std::size_t n, const Run& run) {
    const std::size_t n_threads = turn_ % 2 ? n_threads_ : 1;
    // Untimed steps warm the caches. If few are available, that is part of their true cost and is timed.
    const std::size_t n_untimed = n >= 8 ? 2 : 0, n_timed = std::min(n - n_untimed, enough(n));
    Took warming{};
    if (n_untimed > 0) warming = run(std::size_t(0), n_untimed, n_threads);
    if (warming.stopped) return warming.done;
    if (is_lost(warming.seconds, n_timed)) return turn_took(warming.seconds, n_untimed), n_untimed;
    double seconds = 0;
    std::size_t done = 0;
    while (done < n_timed && !is_lost(seconds, n_timed) && !is_lost(seconds / 2, done)) {
      const Took took = run(n_untimed + done, std::min(n_timed - done, at_a_time), n_threads);
      seconds += took.seconds, done += took.done;
      if (took.stopped) break;
    }
    if (done > 0) turn_took(seconds, done);
    return n_untimed + done;
  }

  // Cores that were free at the trial may be taken later; waiting for a thread that does not run is slow. And taken
  // ones may become free: one thread is put to the trial again after three times what the last one cost, and after twice
  // as much each time it wins again. A trial is shorter than the slices of time that programs share cores by, so it may
  // be won by luck: all threads are left, without a trial, where they gain nothing on average over several slices.
  void stretch_took(double seconds, std::size_t n_steps) {
    if (!free_) return;
    since_ += seconds, n_since_ += n_steps;
    if (active_ == 1) {
      if (since_ > patience_ * cost_) try_again();
      return;
    }
    if (n_steps >= 16 && seconds > 1.2 * alone_ * static_cast<double>(n_steps)) return try_again();
    if (since_ < several_slices || n_since_ < 16) return;
    const double alone = alone_ * static_cast<double>(n_since_);
    if (since_ > 0.95 * alone) {
      cost_ += share_of_trial * std::max(0.0, since_ - alone);
      decide(1);
    } else {
      patience_ = 1.5, since_ = 0, n_since_ = 0;
    }
  }

 private:
  static constexpr std::size_t at_a_time = 4;
  static constexpr double several_slices = 0.02;  // seconds
  static constexpr double share_of_trial = 0.25;  // of its time, what a trial counts as its cost beyond what it lost

  // Steps to time of n available; for long steps, a few suffice.
  std::size_t enough(std::size_t n) const {
    if (turn_ == 0) return n >= 8 ? 8 : 1;
    return std::clamp<std::size_t>(static_cast<std::size_t>(0.01 / seconds_[0]), 1, 16);
  }

  // Whether a turn has already taken as long as one thread takes for n steps; it ends there, or at twice as long as one
  // takes for what is done: if other processes use the other cores, a step may take a hundred times as long.
  bool is_lost(double seconds, std::size_t n_steps) const {
    return turn_ % 2 && seconds > seconds_[turn_ / 2] * static_cast<double>(n_steps);
  }

  // Two turns of three decide: one lucky or unlucky turn on a busy machine does not.
  void turn_took(double seconds, std::size_t n_steps) {
    const double n = static_cast<double>(n_steps);
    cost_ += share_of_trial * seconds;
    if (turn_ % 2 == 0) {
      seconds_[turn_++ / 2] = seconds / n;
      return;
    }
    const double alone = n * seconds_[turn_++ / 2];
    cost_ += std::max(0.0, seconds - alone);
    ++(seconds < 0.9 * alone ? n_won_ : n_lost_);
    if (n_won_ == 2 || n_lost_ == 2) decide(n_won_ == 2 ? n_threads_ : 1);
  }

  void decide(std::size_t n_threads) {
    if (!decided_) alone_ = usual_ > 0 ? usual_ : seconds_[0];
    active_ = n_threads, decided_ = true;
    if (n_threads == 1) patience_ = std::min(2 * patience_, 40.0);
    since_ = 0, n_since_ = 0;
  }

  // What one thread took on average before the trial says more than the trial, if it was long enough.
  void try_again() {
    usual_ = active_ == 1 && since_ >= several_slices ? since_ / static_cast<double>(n_since_) : 0;
    decided_ = false, turn_ = n_waited_ = n_won_ = n_lost_ = n_since_ = 0, cost_ = since_ = 0;
  }

  std::size_t n_threads_, active_, turn_ = 0, n_waited_ = 0, n_won_ = 0, n_lost_ = 0;
  bool free_, decided_;
  double seconds_[3] = {};       // of one step alone, in each pair of turns
  double alone_ = 0;             // of one step alone, as all threads are compared with it
  double usual_ = 0;             // the same on average before the trial; 0: not known
  double cost_ = 0, since_ = 0;  // seconds of the last trial, and of what was done after it
  std::size_t n_since_ = 0;      // steps of the latter
  double patience_ = 1.5;        // how many times what a trial costs one thread is left alone; doubled first
};

}  // namespace chainrule
