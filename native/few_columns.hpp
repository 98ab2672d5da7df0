// a_in.T @ delta where the last columns of delta fill only part of a vector: the other way round, columns of a_in as lanes
// and columns of delta as rows of the tile, so that no lane is idle. Infrastructure without mathematics.
#pragma once

#include "gemm.hpp"

namespace chainrule {
namespace {

constexpr std::size_t few_rows = 24;  // of a batch: fewer are not worth the transposition behind them

// R columns of delta times V vectors of columns of a, transposed on their way to `sums`: one row for each column of a
template <class T, int R, int V>
CHAINRULE_INLINE void multiply_turned(const T* a, std::size_t width, const T* b, std::size_t b_k, std::size_t n,
                                      T* sums) {
  Tile<T, R, V> t;
  clear(t);
  accumulate(t, b, 1, b_k, a, width, n);
  CHAINRULE_UNROLL
  for (int v = 0; v < V; ++v) {
    Vector<T> x[lanes<T>];
    CHAINRULE_UNROLL
    for (int r = 0; r < static_cast<int>(lanes<T>); ++r) x[r] = r < R ? t.c[r < R ? r : 0][v] : broadcast<T>(0);
    store_transposed<T>(x, sums + static_cast<std::size_t>(v) * lanes<T> * lanes<T>, lanes<T>, lanes<T>);
  }
}

// The same for all columns of a from first to end, as many at a time as there are registers for
template <class T, int R>
[[gnu::noinline]] void multiply_few_columns(const T* a, std::size_t width, std::size_t first, std::size_t end,
                                            const T* b, std::size_t b_k, std::size_t n, T* sums) {
  constexpr int registers = tile_vectors * 6, V = registers / R >= 4 ? 4 : registers / R >= 2 ? 2 : 1;
  std::size_t c = first;
  const auto columns = [&](auto vectors) CHAINRULE_LAMBDA {
    multiply_turned<T, R, decltype(vectors)::value>(a + c, width, b, b_k, n, sums + (c - first) * lanes<T>);
    c += decltype(vectors)::value * lanes<T>;
  };
  while (c + (V - 1) * lanes<T> < end) columns(Constant<V>());
  if constexpr (V > 2) {
    if (c + lanes<T> < end) columns(Constant<2>());
  }
  if constexpr (V > 1) {
    if (c < end) columns(Constant<1>());
  }
}

// Rows of sums, a vector each, through the epilogue of a strip of V vectors
template <class T, int V, class Epilogue>
[[gnu::noinline]] void finish_rows(const T* sums, std::size_t first, std::size_t end, const Epilogue& epilogue) {
  const auto rows = [&](auto n) CHAINRULE_LAMBDA {
    Tile<T, decltype(n)::value, V> t;
    resume(t, sums, lanes<T>);
    epilogue(t, first);
    sums += decltype(n)::value * lanes<T>, first += decltype(n)::value;
  };
  while (first + 8 <= end) rows(Constant<8>());
  while (first < end) rows(Constant<1>());
}

// Whether `columns` of delta leave lanes idle that this way saves; a_in is read by whole vectors
template <class T> CHAINRULE_INLINE bool are_few(std::size_t columns, std::size_t first, std::size_t n) {
  return columns > 0 && 4 * round_up(columns, 2) <= 3 * lanes<T> && first % lanes<T> == 0 && n >= few_rows;
}

// Columns first … end of a times the last `columns` of delta, from b on, over n rows
template <class T, int V, class Epilogue>
CHAINRULE_INLINE void few_columns(const T* a, std::size_t width, std::size_t first, std::size_t end, const T* b,
                                  std::size_t b_k, std::size_t columns, std::size_t n, const Epilogue& epilogue) {
  alignas(64) T sums[panel<T> * lanes<T>];
  const auto multiply = [&](auto rows) CHAINRULE_LAMBDA {
    constexpr int R = decltype(rows)::value;
    if constexpr (R <= 3 * static_cast<int>(lanes<T>) / 4)
      multiply_few_columns<T, R>(a, width, first, end, b, b_k, n, sums);
  };
  if (columns <= 2)
    multiply(Constant<2>());
  else if (columns <= 4)
    multiply(Constant<4>());
  else if (columns <= 6)
    multiply(Constant<6>());
  else if (columns <= 8)
    multiply(Constant<8>());
  else if (columns <= 10)
    multiply(Constant<10>());
  else
    multiply(Constant<12>());
  finish_rows<T, V>(sums, first, end, epilogue);
}

}  // namespace
}  // namespace chainrule
