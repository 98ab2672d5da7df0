// The fused loop: whole epochs of steps without leaving C++. Mirrors the sessions of engine/numpy.py.
//
// A step has two phases with a barrier after each. In the first, rows of the batch are split: no weight
// changes, so the forward pass and all deltas of a row are independent. In the second, rows of W are
// split: gradient and update. Every thread computes the sum J separately, in the order of the rows.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "batches.hpp"
#include "leaves.hpp"
#include "rule.hpp"
#include "shares.hpp"
#include "slices.hpp"
#include "thread_tuner.hpp"
#include "threads.hpp"

namespace chainrule {

constexpr std::uint64_t settle_every = 64;  // updates; EVERY in reference/small_numbers.py

enum class Stopped : int { no, loss, weights, interrupted };

struct Schedule {
  std::size_t batch_size;
  std::uint64_t seed;
  bool shuffle;
  std::size_t n_threads;
  bool may_choose;         // whether fewer threads than n_threads may be used where they are faster
  std::size_t leaves = 1;  // of a batch
};

template <class T> class Session {
 public:
  using Interrupted = bool (*)();

  Session(const Variant& variant, const Kernels<T>& kernels, std::vector<Layer> layers, Loss loss, Data<T> data,
          Schedule schedule)
      : network(kernels, std::move(layers), loss, std::min(schedule.batch_size, std::max<std::size_t>(data.n, 1))),
        batches_(variant, kernels, data, schedule.batch_size, schedule.seed, schedule.shuffle, network.capacity,
                 network.n_outputs()),
        schedule_(schedule), starts_(network.starts()), leaves_(schedule.leaves, network.n_parameters),
        theta_(network.n_parameters), gradient_(network.n_parameters) {
    if (small() > 0) network.watch_z();
    squares_ = Buffer<double>(n_units(network.operations));
    for (std::size_t t = 0; t < schedule.n_threads; ++t) own_.push_back(make_own());
    choice_ = {schedule.may_choose && too_small_for_threads() ? 1 : schedule.n_threads, schedule.may_choose};
  }
  ~Session() {
    if (team_ && !team_->usable()) static_cast<void>(team_.release());  // its threads live in another process
  }

  void load(const T* theta, const T* first, const T* second) {
    network.load(theta, this->theta());
    load_state(first, first_);
    load_state(second, second_);
  }
  void store(T* theta, T* first, T* second) {
    network.store(this->theta(), theta);
    store_state(first, first_);
    store_state(second, second_);
  }

  // Does n steps; losses[i] is J of step first_step + i, penalties[i] (if requested) ½·l2·Σ‖W‖² before it.
  // thetas (if requested) receives the parameters at the end of every epoch, one plain vector of `size` after the
  // other. Returns how many were done.
  std::size_t advance(std::uint64_t first_step, const double* etas, std::size_t n, const StepSettings& settings,
                      const Scheduled& scheduled, double* losses, double* penalties, Interrupted interrupted,
                      T* thetas = nullptr, std::size_t size = 0);

  // One step, and everything it computed; `gradient` (flat) is the one after penalty and clipping. Returns J.
  double record(std::uint64_t step, double eta, const StepSettings& settings, const Record<T>& out, T* gradient,
                std::int64_t* rows);

  // Steps that several processes share (shared_step.hpp): each computes the gradients of some neighbouring nodes of the
  // tree, adds up the slice that is its own and updates it. Parameters lie in memory of the caller, in the layout here;
  // first and second are the own slice of the optimizer's arrays (copied), or null.
  const Slices<T>& share(std::size_t n, std::size_t own);
  void begin_sharing(T* theta, const T* first, const T* second);
  void parts(std::uint64_t step, const StepSettings& settings, const std::vector<TreeNode>& nodes,
             const std::vector<T*>& gradients, double* losses);
  // ½·l2·Σ‖W‖² of a step
  double penalty(std::uint64_t step, const StepSettings& settings);
  // With penalties; squares (or null) receives Σ g² of every piece of the slice
  void add_up(std::uint64_t step, const StepSettings& settings, const std::vector<TreeNode>& nodes,
              const std::vector<const T*>& values, double* squares);
  // squares: of all pieces of all slices, where gradients are clipped
  void update_slice(std::uint64_t step, double eta, const StepSettings& settings, const double* squares);
  void store_slice(T* first, T* second) const;

  Stopped stopped = Stopped::no;
  std::size_t steps_per_epoch() const { return batches_.steps_per_epoch(); }
  std::size_t n_leaves() const { return leaves_.V; }
  std::size_t active_threads() const { return choice_.active(); }

 private:
  // What every thread has to itself.
  struct Own {
    Buffer<T> scratch, scale, check;
    Buffer<std::uint32_t> words;
    std::vector<Rule<T>> rules;  // of tensors with learning rates of their own
    Stopped stopped;
    std::size_t done;
  };
  // Steps of one epoch, done without stopping for anything but trouble.
  struct Stretch {
    Session* self;
    std::uint64_t first_step;
    const double* etas;
    std::size_t n, n_threads;
    const StepSettings* settings;
    Scheduled scheduled;
    double *losses, *penalties;  // penalties: null if not requested
    const std::int64_t* order;
    Interrupted interrupted;
  };

  Own make_own() const {
    Own own;
    own.scratch = Buffer<T>(network.scratch_size());
    own.scale = Buffer<T>(network.capacity);
    own.check = Buffer<T>(chunk<T>);
    return own;
  }
  bool too_small_for_threads() const;
  Trained<T> trained() { return {theta(), first_.get(), second_.get(), gradient_.get()}; }
  void load_state(const T* from, Buffer<T>& to) {
    if (from && !to) to = Buffer<T>(network.n_parameters);
    if (from) network.load(from, to.get());
  }
  void store_state(T* to, Buffer<T>& from) {
    if (to && !from) from = Buffer<T>(network.n_parameters);
    if (to) network.store(from.get(), to);
  }
  void prepare(const StepSettings& settings, bool keep_every_z);

  void rows_phase(const Batch& batch, bool drops, double dropout, std::size_t i0, std::size_t i1, Own& own);
  void masks(const Batch& batch, double dropout, std::size_t i0, std::size_t i1, Own& own);
  double l2_of(const Batch& batch, double l2, double alpha) const;
  void units_phase(const Batch& batch, Rule<T>& rule, std::size_t thread, std::size_t n_threads, Own& own);
  void sum_phase(const Batch& batch, TreeNode node, T* gradient, std::size_t thread, std::size_t n_threads, Own& own);
  void gradient_phase(const Rule<T>& rule, std::size_t thread, std::size_t n_threads);
  void apply_phase(const StepSettings& settings, const Strengths& strengths, double eta, std::uint64_t step, double l2,
                   std::size_t thread, std::size_t n_threads, Own& own);
  bool end_step(const StepSettings& settings, std::uint64_t step, std::size_t thread, std::size_t n_threads, Own& own);
  void steps(const Stretch& stretch, std::size_t thread);
  ThreadChoice::Took run(Stretch stretch, std::size_t first, std::size_t n, std::size_t n_threads);

  double small() const { return network.layers[0].small; }
  T* theta() const { return lent_ ? lent_ : theta_.get(); }
  void settle(const StepSettings& settings, std::size_t thread, std::size_t n_threads);
  template <class F> void together(const F& f);

  void barrier(std::size_t n_threads) {
    if (n_threads > 1) team_->barrier();
  }
  Team& team() {
    if (team_ && !team_->usable()) static_cast<void>(team_.release());
    if (!team_) team_ = std::make_unique<Team>(schedule_.n_threads);
    return *team_;
  }
  // If the system provides fewer threads than requested, those available do the work, at least one.
  void be_content_with_team() {
    if (team().size() < choice_.n_threads()) choice_ = {team_->size(), schedule_.may_choose};
  }

 public:
  Network<T> network;

 private:
  Batches<T> batches_;
  const Schedule schedule_;
  const std::vector<std::size_t> starts_;
  Leaves<T> leaves_;
  Buffer<T> theta_, first_, second_, gradient_;
  T* lent_ = nullptr;  // where the parameters lie instead, while steps are shared
  std::unique_ptr<Slices<T>> slices_;
  Buffer<T> first_of_slice_, second_of_slice_;
  Buffer<double> squares_;
  std::vector<Own> own_;
  std::unique_ptr<Team> team_;
  ThreadChoice choice_{1, false};
  bool stop_request_ = false;
  std::chrono::steady_clock::time_point looked_;
};

// preparation ------------------------------------------------------------------------------------------

template <class T> bool Session<T>::too_small_for_threads() const {
  double operations = 0;  // of one step
  for (const Layer& layer : network.layers)
    operations += 6.0 * static_cast<double>(network.capacity * network.members * layer.n_in * layer.n_out);
  return schedule_.n_threads == 1 || operations < 0.7e6 || network.capacity < 32;
}

template <class T> void Session<T>::prepare(const StepSettings& settings, bool keep_every_z) {
  network.keep_z(keep_every_z);
  network.use_masks(settings.dropout > 0);
  const bool one = settings.optimizer != Optimizer::sgd;
  const bool two = settings.optimizer == Optimizer::adam || settings.optimizer == Optimizer::adamw ||
                   settings.optimizer == Optimizer::adam_epsilon_hat;
  if (one && !first_) first_ = Buffer<T>(network.n_parameters);
  if (two && !second_) second_ = Buffer<T>(network.n_parameters);
  if (settings.dropout > 0 && !own_.back().words) {
    std::size_t widest = 0;
    for (const Layer& layer : network.layers) widest = std::max(widest, layer.n_out);
    for (Own& own : own_) own.words = Buffer<std::uint32_t>(network.capacity * network.members * widest + 64);
  }
}

// the first phase: rows ----------------------------------------------------------------------------------

template <class T>
void Session<T>::masks(const Batch& batch, double dropout, std::size_t i0, std::size_t i1, Own& own) {
  const PhiloxKey key = stream_key(schedule_.seed, purpose_dropout, batch.epoch, batch.step);
  const auto threshold = static_cast<std::uint32_t>(dropout * 4294967296.0);
  for (std::size_t l = 0; l + 1 < network.n_layers(); ++l)
    network.k.dropout_mask(key, static_cast<std::uint32_t>(l + 1), threshold, T(1 / (1 - dropout)), network.mask(l),
                           i0 * network.members, i1 * network.members, own.words.get());
}

template <class T>
void Session<T>::rows_phase(const Batch& batch, bool drops, double dropout, std::size_t i0, std::size_t i1, Own& own) {
  batches_.row_scales(batch, own.scale.get());
  if (i0 == i1) return;
  batches_.gather(batch, network.input.shape, T(small()), i0, i1);
  if (drops) masks(batch, dropout, i0, i1, own);
  const Trained<T> t = trained();
  network.forward(t, i0, i1);
  network.output(batches_.targets(), own.scale.get(), batches_.row_loss(), i0, i1);
  network.backward(t, i0, i1, own.scratch.get());
}

template <class T> double Session<T>::l2_of(const Batch& batch, double l2, double alpha) const {
  if (alpha == 0) return l2;
  const double total = batches_.weight(batch);
  return total == 0 ? l2 : l2 + alpha / total;
}

// steps ---------------------------------------------------------------------------------------------------

template <class T> void Session<T>::steps(const Stretch& s, std::size_t thread) {
  const FloatingMode mode;
  Own& own = own_[thread];
  const std::size_t n_threads = s.n_threads;
  own.stopped = Stopped::no;
  std::fill(own.check.get(), own.check.get() + chunk<T>, T(0));
  for (own.done = 0; own.done < s.n;) {
    const Batch b = batches_.at(s.order, s.first_step + own.done);
    if (thread == 0 && s.interrupted) {
      const auto now = std::chrono::steady_clock::now();
      if (now - looked_ > std::chrono::milliseconds(50)) looked_ = now, stop_request_ = s.interrupted();
    }
    const Strengths strengths(*s.settings, s.scheduled, own.done);
    rows_phase(b, s.settings->dropout > 0, strengths.dropout, b.n * thread / n_threads, b.n * (thread + 1) / n_threads,
               own);
    const double l2 = l2_of(b, strengths.l2, s.settings->alpha);
    if (thread == 0 && s.penalties) s.penalties[own.done] = 0.5 * l2 * squares_of_weights(network.operations, theta());
    barrier(n_threads);
    if (stop_request_) {
      own.stopped = Stopped::interrupted;
      return;
    }
    const double J = leaves_.loss(batches_, b, own.scale.get(), leaves_.root());
    if (thread == 0) s.losses[own.done] = J;
    const double eta = s.etas[own.done++];
    if (!std::isfinite(J)) {
      own.stopped = Stopped::loss;
      return;
    }
    if (s.settings->clip_norm > 0 || leaves_.V > 1) {
      sum_phase(b, leaves_.root(), gradient_.get(), thread, n_threads, own);
      apply_phase(*s.settings, strengths, eta, b.step, l2, thread, n_threads, own);
    } else {
      Rule<T> rule = rule_of_step<T>(*s.settings, strengths, eta, b.step + 1, l2);
      give_rates(rule, own.rules, *s.settings, strengths, eta, b.step + 1, l2, starts_);
      units_phase(b, rule, thread, n_threads, own);
    }
    if (!end_step(*s.settings, b.step, thread, n_threads, own)) return;
  }
}

// Steps first .. first + n of the stretch.
template <class T>
ThreadChoice::Took Session<T>::run(Stretch s, std::size_t first, std::size_t n, std::size_t n_threads) {
  s.first_step += first, s.etas += first, s.losses += first, s.n = n, s.n_threads = n_threads;
  if (s.penalties) s.penalties += first;
  s.scheduled = s.scheduled.from(first);
  const auto start = std::chrono::steady_clock::now();
  if (n_threads == 1)
    steps(s, 0);
  else
    team().run(
        [](void* p, std::size_t thread) { static_cast<Stretch*>(p)->self->steps(*static_cast<Stretch*>(p), thread); },
        &s);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return {seconds.count(), own_[0].done, own_[0].stopped != Stopped::no};
}

template <class T>
std::size_t Session<T>::advance(std::uint64_t first_step, const double* etas, std::size_t n,
                                const StepSettings& settings, const Scheduled& scheduled, double* losses,
                                double* penalties, Interrupted interrupted, T* thetas, std::size_t size) {
  const FloatingMode mode;
  prepare(settings, false);
  stopped = Stopped::no, stop_request_ = false, looked_ = std::chrono::steady_clock::now();
  const std::size_t per_epoch = batches_.steps_per_epoch();
  std::size_t done = 0;
  while (done < n && stopped == Stopped::no) {
    const std::uint64_t step = first_step + done, epoch = step / per_epoch;
    const std::size_t left = per_epoch - static_cast<std::size_t>(step % per_epoch);
    const Stretch stretch{this,
                          step,
                          etas + done,
                          std::min(n - done, left),
                          1,
                          &settings,
                          scheduled.from(done),
                          losses + done,
                          penalties ? penalties + done : nullptr,
                          batches_.order_of_epoch(epoch),
                          interrupted};
    if (choice_.wants_others()) be_content_with_team();
    if (choice_.may_wait() && !team().others_are_there(0.1 * choice_.step_alone())) {
      const auto took = run(stretch, 0, 1, 1);
      choice_.waited_a_step(took.seconds);
      done += took.done;
    } else if (choice_.decided()) {
      const auto took = run(stretch, 0, stretch.n, choice_.active());
      choice_.stretch_took(took.seconds, took.done);
      done += took.done;
    } else {
      done += choice_.take_turn(stretch.n, [&](std::size_t first, std::size_t n_steps, std::size_t n_threads) {
        return run(stretch, first, n_steps, n_threads);
      });
    }
    stopped = own_[0].stopped;
    if (!thetas || stopped != Stopped::no || (first_step + done) % per_epoch != 0) continue;
    network.store(theta(), thetas);
    thetas += size;
  }
  return done;
}

}  // namespace chainrule

#include "second_phase.hpp"
