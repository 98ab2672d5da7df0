// Trains without Python: what the engine computes on a processor that the tests run on in emulation.
//   train INSTRUCTION_SET THREADS CASE OUT
// CASE: one line of numbers (see read_case), then X, labels and theta as raw bytes. OUT: theta and the state.
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "dispatch.hpp"
#include "epoch.hpp"

namespace {

using namespace chainrule;

struct Case {
  int is_double, activation, output, loss, optimizer;
  std::size_t n_sizes, n_rows, batch_size, n_steps;
  std::uint64_t seed;
  double eta;
  StepSettings settings;
  std::vector<std::size_t> sizes;
};

Case read_case(std::istream& in) {
  Case c{};
  in >> c.is_double >> c.activation >> c.output >> c.loss >> c.optimizer >> c.n_rows >> c.batch_size >> c.n_steps >>
      c.seed >> c.eta;
  StepSettings& s = c.settings;
  in >> s.momentum >> s.rho >> s.beta1 >> s.beta2 >> s.epsilon >> s.weight_decay >> s.l2 >> s.l1 >> s.dropout >>
      s.clip_norm >> c.n_sizes;
  s.optimizer = static_cast<Optimizer>(c.optimizer);
  c.sizes.resize(c.n_sizes);
  for (std::size_t& size : c.sizes) in >> size;
  in.get();
  return c;
}

template <class A> std::vector<A> read(std::istream& in, std::size_t n) {
  std::vector<A> values(n);
  in.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(n * sizeof(A)));
  return values;
}

template <class T> void write(std::ostream& out, const std::vector<T>& values) {
  out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
}

template <class T>
int train(const Variant& variant, const Kernels<T>& kernels, std::size_t n_threads, const Case& c, std::istream& in,
          std::ostream& out) {
  std::vector<Layer> layers;
  std::size_t n = 0;
  for (std::size_t l = 0; l + 1 < c.n_sizes; ++l) {
    const int activation = l + 2 < c.n_sizes ? c.activation : c.output;
    layers.push_back({c.sizes[l], c.sizes[l + 1], static_cast<Activation>(activation)});
    n += (c.sizes[l] + 1) * c.sizes[l + 1];
  }
  const auto X = read<T>(in, c.n_rows * c.sizes.front());
  const auto labels = read<std::int32_t>(in, c.n_rows);
  std::vector<T> theta = read<T>(in, n), first(n), second(n);
  Session<T> session(variant, kernels, layers, Loss{static_cast<LossFamily>(c.loss), 0.5},
                     {X.data(), labels.data(), nullptr, nullptr, c.n_rows},
                     {c.batch_size, c.seed, true, n_threads, false});
  session.load(theta.data(), nullptr, nullptr);
  const std::vector<double> etas(c.n_steps, c.eta);
  std::vector<double> losses(c.n_steps);
  const std::size_t done = session.advance(0, etas.data(), c.n_steps, c.settings, losses.data(), nullptr, nullptr);
  session.store(theta.data(), first.data(), second.data());
  write(out, theta), write(out, first), write(out, second), write(out, losses);
  return done == c.n_steps ? 0 : 1;
}

}  // namespace

int main(int n_arguments, char** arguments) {
  if (n_arguments != 5) return 2;
  const Variant* variant = find_variant(arguments[1]);
  std::ifstream in(arguments[3], std::ios::binary);
  std::ofstream out(arguments[4], std::ios::binary);
  if (!variant || !in || !out) return 2;
  const Case c = read_case(in);
  const std::size_t n_threads = std::stoul(arguments[2]);
  return c.is_double ? train(*variant, *variant->float64, n_threads, c, in, out)
                     : train(*variant, *variant->float32, n_threads, c, in, out);
}
