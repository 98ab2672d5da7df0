// Drives the choice of the number of threads by a clock of its own: each line of the input is a scene, "alone all n",
// microseconds of a step on one thread and on all, and how many steps are done so. Prints the threads at its end and
// how many thousandths of its time went beyond what the faster of both takes.
#include "thread_tuner.hpp"

#include <cstdio>

int main() {
  chainrule::ThreadChoice choice(2, true);
  double alone, all;
  long n;
  while (std::scanf("%lf %lf %ld", &alone, &all, &n) == 3) {
    double seconds = 0;
    const double best = 1e-6 * std::min(alone, all) * static_cast<double>(n);
    for (long left = n; left > 0;) {
      const std::size_t stretch = left < 32 ? static_cast<std::size_t>(left) : 32;  // an epoch
      if (choice.decided()) {
        const double took = 1e-6 * (choice.active() > 1 ? all : alone) * static_cast<double>(stretch);
        choice.stretch_took(took, stretch);
        seconds += took, left -= static_cast<long>(stretch);
        continue;
      }
      const auto run = [&](std::size_t, std::size_t n_steps, std::size_t n_threads) {
        const double took = 1e-6 * (n_threads > 1 ? all : alone) * static_cast<double>(n_steps);
        seconds += took;
        return chainrule::ThreadChoice::Took{took, n_steps, false};
      };
      left -= static_cast<long>(choice.take_turn(stretch, run));
    }
    std::printf("%zu %.0f\n", choice.active(), 1000 * (seconds / best - 1));
  }
}
