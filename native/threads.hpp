// A few threads that work on one step together. Infrastructure without mathematics.
//
// Workers spin for some microseconds after a piece of work, then sleep. A team belongs to the process
// that made it: after a fork its owner abandons it and makes another (see Team::usable).
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace chainrule {

inline void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Round to nearest, denormals kept, whatever a library loaded earlier has set; restored at the end.
class FloatingMode {
 public:
#if defined(__x86_64__)
  FloatingMode() : saved_(_mm_getcsr()) { _mm_setcsr(0x1F80); }
  ~FloatingMode() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#elif defined(__aarch64__)
  FloatingMode() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" ::"r"(std::uint64_t(0)));
  }
  ~FloatingMode() { asm volatile("msr fpcr, %0" ::"r"(saved_)); }

 private:
  std::uint64_t saved_;
#endif
  FloatingMode(const FloatingMode&) = delete;
  FloatingMode& operator=(const FloatingMode&) = delete;
};

class Team {
 public:
  using Work = void (*)(void* context, std::size_t thread);

  // Of n_threads as many as the system gives, the caller being one of them: containers limit their number.
  explicit Team(std::size_t n_threads) : process_(getpid()) {
    workers_.reserve(n_threads - 1);
    try {
      for (std::size_t t = 1; t < n_threads; ++t) workers_.emplace_back([this, t] { serve(t); });
    } catch (const std::system_error&) {  // no further thread
    } catch (const std::bad_alloc&) {     // no memory for one
    }
    n_ = workers_.size() + 1;
    done_.store(n_ - 1, std::memory_order_relaxed);
  }
  ~Team() {
    ending_.store(true);
    start_.fetch_add(1);
    start_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  std::size_t size() const { return n_; }
  // False in a child process: the threads stayed with the parent, and the object must not be destroyed.
  bool usable() const { return process_ == getpid(); }

  // work(context, t) for every thread t, this one being t = 0; returns when all are done. Work throws nothing: its
  // memory is taken before it starts, and a thread that left early would be waited for at a barrier.
  void run(Work work, void* context) noexcept {
    wait_for_others();
    start(work, context);
    work(context, 0);
    wait_for_others();
  }

  // Whether the others are awake, at the latest after so many seconds. Threads that are new, sleep or find their cores
  // taken need a while, in which the caller may go on alone and ask again.
  bool others_are_there(double seconds) {
    if (!roused_) wait_for_others(), start(nullptr, nullptr), roused_ = true;
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (!are_done() && std::chrono::steady_clock::now() < end) pause_briefly();
    return !(roused_ = !are_done());
  }

  // Returns when every thread of the team has called it.
  void barrier() {
    const std::uint32_t phase = phase_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == n_) {
      arrived_.store(0, std::memory_order_relaxed);
      phase_.store(phase + 1, std::memory_order_release);
      return;
    }
    for (unsigned spins = 0; phase_.load(std::memory_order_acquire) == phase;) wait_a_little(spins);
  }

 private:
  static constexpr unsigned spins_before_yield = 4000;

  static void wait_a_little(unsigned& spins) {
    if (++spins < spins_before_yield)
      pause_briefly();
    else
      std::this_thread::yield();
  }

  void start(Work work, void* context) {
    work_ = work;
    context_ = context;
    done_.store(0, std::memory_order_relaxed);
    start_.fetch_add(1, std::memory_order_release);
    start_.notify_all();
  }
  bool are_done() const { return done_.load(std::memory_order_acquire) + 1 >= n_; }
  void wait_for_others() const {
    for (unsigned spins = 0; !are_done();) wait_a_little(spins);
  }

  void serve(std::size_t thread) {
    const FloatingMode mode;
    for (std::uint32_t seen = 0;; ++seen) {
      for (unsigned spins = 0; start_.load(std::memory_order_acquire) == seen && spins < spins_before_yield; ++spins)
        pause_briefly();
      start_.wait(seen, std::memory_order_acquire);
      if (ending_.load()) return;
      if (work_) work_(context_, thread);
      done_.fetch_add(1, std::memory_order_release);
    }
  }

  std::size_t n_ = 1;  // settled before the first work
  const pid_t process_;
  Work work_ = nullptr;
  void* context_ = nullptr;
  bool roused_ = false;  // the others have been woken, but their arrival is not yet known
  std::atomic<bool> ending_{false};
  alignas(128) std::atomic<std::uint32_t> start_{0};
  alignas(128) std::atomic<std::size_t> done_{0};  // workers that are done with what was started last
  alignas(128) std::atomic<std::size_t> arrived_{0};
  alignas(128) std::atomic<std::uint32_t> phase_{0};
  alignas(128) std::vector<std::thread> workers_;
};

}  // namespace chainrule
