// Threads that help with a piece of work if they are there in time. Infrastructure without mathematics.
//
// Unlike a Team, nobody waits for a helper that sleeps, or whose core is taken: the pieces are claimed one by one, the
// caller claims what nobody else does, and at the end waits only for those who came and have not yet finished.
#pragma once

#include "threads.hpp"

namespace chainrule {

class Helpers {
 public:
  using Work = void (*)(void* context, std::size_t thread);

  // n_threads with the caller, or as many as the system gives
  explicit Helpers(std::size_t n_threads) : asked_(n_threads), process_(getpid()) {
    workers_.reserve(n_threads - 1);
    try {
      for (std::size_t t = 1; t < n_threads; ++t) workers_.emplace_back([this, t] { serve(t); });
    } catch (const std::system_error&) {  // no further thread
    } catch (const std::bad_alloc&) {     // no memory for one
    }
  }
  ~Helpers() {
    ending_.store(true);
    signal_.fetch_add(1);
    signal_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }
  Helpers(const Helpers&) = delete;
  Helpers& operator=(const Helpers&) = delete;

  std::size_t asked() const { return asked_; }
  bool usable() const { return process_ == getpid(); }  // see Team
  std::size_t n_awake() const { return workers_.size() - asleep_.load(); }
  void wake(std::size_t n) {
    for (std::size_t k = std::min<std::size_t>(n, asleep_.load()); k > 0; --k) signal_.notify_one();
  }

  // Until the end of its life helpers may do work(context, t), t > 0: what nobody has claimed; it throws nothing.
  class Call {
   public:
    Call(Helpers& helpers, Work work, void* context, std::size_t n_wanted) : helpers_(helpers) {
      helpers_.work_ = work;
      helpers_.context_ = context;
      helpers_.gate_.store(open, std::memory_order_release);
      helpers_.signal_.fetch_add(1);
      if (n_wanted > 0) helpers_.wake(n_wanted);
    }
    ~Call() {
      helpers_.gate_.fetch_and(~open);
      for (unsigned spins = 0; helpers_.gate_.load(std::memory_order_acquire) != 0;)
        if (++spins < spins_before_yield)
          pause_briefly();
        else
          std::this_thread::yield();
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    Helpers& helpers_;
  };

 private:
  static constexpr std::uint32_t open = std::uint32_t(1) << 31;
  static constexpr unsigned spins_before_yield = 4000;

  // Joins the present work if there is any
  void help(std::size_t thread) {
    for (std::uint32_t gate = gate_.load(std::memory_order_acquire); gate & open;)
      if (gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire)) {
        work_(context_, thread);
        gate_.fetch_sub(1, std::memory_order_release);
        return;
      }
  }
  void serve(std::size_t thread) {
    const FloatingMode mode;
    for (std::uint32_t seen = 0;;) {
      for (unsigned spins = 0; signal_.load() == seen && spins < spins_before_yield; ++spins) pause_briefly();
      if (signal_.load() == seen) {
        asleep_.fetch_add(1);
        signal_.wait(seen);
        asleep_.fetch_sub(1);
      }
      seen = signal_.load();
      if (ending_.load()) return;
      help(thread);
    }
  }

  const std::size_t asked_;
  const pid_t process_;
  Work work_ = nullptr;
  void* context_ = nullptr;
  std::atomic<bool> ending_{false};
  alignas(128) std::atomic<std::uint32_t> signal_{0};  // counts the calls
  std::atomic<std::uint32_t> asleep_{0};
  alignas(128) std::atomic<std::uint32_t> gate_{0};  // `open` while work may be joined, and how many are inside
  alignas(128) std::vector<std::thread> workers_;
};

// Helpers for one piece of work. The last ones are kept for the next piece: starting threads takes as long as
// predicting a thousand rows. Who comes while they are in use makes others. Without a lock, which a forked process
// could find held.
class SharedHelpers {
 public:
  explicit SharedHelpers(std::size_t n_threads) : helpers_(kept.exchange(nullptr)) {
    if (helpers_ && !helpers_->usable()) static_cast<void>(helpers_.release());
    if (!helpers_ || helpers_->asked() != n_threads) helpers_ = std::make_unique<Helpers>(n_threads);
  }
  ~SharedHelpers() { helpers_.reset(kept.exchange(helpers_.release())); }
  SharedHelpers(const SharedHelpers&) = delete;
  SharedHelpers& operator=(const SharedHelpers&) = delete;
  Helpers& operator*() const { return *helpers_; }
  Helpers* operator->() const { return helpers_.get(); }

 private:
  inline static std::atomic<Helpers*> kept{nullptr};  // asleep at the end of the process, never destroyed
  std::unique_ptr<Helpers> helpers_;
};

}  // namespace chainrule
