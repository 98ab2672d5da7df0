// a_in.T @ delta, the product behind the gradient of W: its strips and tiles, and what is laid out or fetched for them.
// Infrastructure without mathematics.
#pragma once

#include "few_columns.hpp"
#include "gemm.hpp"

namespace chainrule {
namespace {

// Rows of A transposed times a strip of B; epilogue(tile, r). A is a panel in rows of `width`; in parts it is laid out
// by tiles, R numbers for each k.
template <class T, int V, bool whole, class Epilogue>
[[gnu::noinline]] void multiply_transposed_strip(const T* a, std::size_t width, const T* b, std::size_t b_k, Part part,
                                                 const Epilogue& epilogue) {
  const std::size_t n = part.k1 - part.k0;
  for_row_tiles<V>(part.i0, part.i1, [&](auto rows, std::size_t r) CHAINRULE_LAMBDA {
    constexpr int R = decltype(rows)::value;
    one_tile<T, R, V, whole>(part, r, epilogue, [&](Tile<T, R, V>& t) CHAINRULE_LAMBDA {
      if constexpr (whole)
        accumulate(t, a + r, 1, width, b, b_k, n);
      else
        accumulate(t, a + r * n, 1, static_cast<std::size_t>(R), b, b_k, n);
    });
  });
}

// The sums of the columns of a strip of B over n rows, one row after the other. Its tiles then find it in the cache.
template <class T, int V> [[gnu::noinline]] void sum_strip(const T* b, std::size_t b_k, std::size_t n, T* sums) {
  constexpr std::size_t n_vectors = Tile<T, 1, V>::vectors;
  Vector<T> sum[n_vectors] = {};
  for (std::size_t k = 0; k < n; ++k, b += b_k) {
    CHAINRULE_UNROLL
    for (std::size_t v = 0; v < n_vectors; ++v) sum[v] = sum[v] + load(b + v * lanes<T>);
  }
  CHAINRULE_UNROLL
  for (std::size_t v = 0; v < n_vectors; ++v) store<T>(sums + v * lanes<T>, sum[v]);
}

// A finished tile whose epilogue has yet to run
template <class T, int V> struct FinishedTile {
  alignas(64) T sums[12 * static_cast<std::size_t>(V) * lanes<T>];
  std::size_t row = 0, n_rows = 0;
};

// The same where W is large and its update divides: that of a tile runs row by row between the multiply-adds of the
// next, which would wait for memory and for the divider otherwise.
template <class T, int V, class Epilogue>
[[gnu::noinline]] void multiply_beside_epilogue(const T* a, std::size_t width, const T* b, std::size_t b_k, Part part,
                                                const Epilogue& epilogue) {
  const std::size_t n = part.k1 - part.k0;
  FinishedTile<T, V> last;
  const auto finish_row = [&](std::size_t j) CHAINRULE_LAMBDA {
    epilogue.template row<V>(last.sums + j * V * lanes<T>, last.row + j);
  };
  for_row_tiles<V>(part.i0, part.i1, [&](auto rows, std::size_t r) CHAINRULE_LAMBDA {
    constexpr int R = decltype(rows)::value;
    Tile<T, R, V> t;
    clear(t);
    const std::size_t share = last.n_rows > 0 ? (n + last.n_rows - 1) / last.n_rows : n;
    std::size_t k = 0;
    for (std::size_t j = 0; j < last.n_rows; ++j, k += share) {
      if (k < n) accumulate(t, a + k * width + r, 1, width, b + k * b_k, b_k, n - k < share ? n - k : share);
      finish_row(j);
    }
    if (k < n) accumulate(t, a + k * width + r, 1, width, b + k * b_k, b_k, n - k);
    suspend(t, last.sums, V * lanes<T>);
    last.row = r, last.n_rows = R;
  });
  for (std::size_t j = 0; j < last.n_rows; ++j) finish_row(j);
}

// n rows of numbers r0 … r1 of a panel, by tiles for the above
template <class T>
[[gnu::noinline]] void lay_out_tiles(const T* a, std::size_t width, std::size_t n, std::size_t r0, std::size_t r1,
                                     T* out) {
  for_row_tiles<tile_vectors>(r0, r1, [&](auto rows, std::size_t r) CHAINRULE_LAMBDA {
    constexpr std::size_t R = decltype(rows)::value;
    for (std::size_t k = 0; k < n; ++k) __builtin_memcpy(out + r * n + k * R, a + k * width + r, R * sizeof(T));
  });
}

// f(p, first row, end row) for the panels that rows r0 … r1 of W lie in; the rows counted from the panel's first
template <class T, class F> CHAINRULE_INLINE void for_panels(std::size_t r0, std::size_t r1, const F& f) {
  for (std::size_t p = r0 / panel<T>; p * panel<T> < r1; ++p) {
    const std::size_t base = p * panel<T>;
    f(p, r0 > base ? r0 - base : 0, r1 - base < panel<T> ? r1 - base : panel<T>);
  }
}

// a_in.T @ delta, and what it is computed from where parts of both are laid out first.
template <class T> struct GradientProduct {
  Panels<const T> a_in, delta;
  std::size_t first_row, n;
  T* scratch;
  bool laid_out, far;  // far: W and the optimizer's arrays are more than the caches near the core hold
  std::size_t begin = 0, end = ~std::size_t(0);  // of the columns; all of them where parts are laid out
  Upcoming<T> next = {};  // fetched beside the product: the columns of X that belong to the rows of W at work
  T* db = nullptr;        // where wanted: the sums of the columns of delta, unless parts are laid out

  GradientProduct(Panels<const T> a_in, Panels<const T> delta, RowRange rows, T* scratch)
      : a_in(a_in), delta(delta), first_row(rows.first), n(rows.n), scratch(scratch),
        laid_out(in_parts<T>(delta.columns, n) && delta.columns >= 128 && a_in.columns >= 128),
        far(n >= 96 && n_elements<T>(a_in.columns, delta.columns) * sizeof(T) >= (1 << 18)) {}

  RowRange rows() const { return {first_row, n}; }

  // f(part) for parts of the rows of the batch; the strips of delta lie side by side from then on.
  template <class F> CHAINRULE_INLINE void for_parts_of_batch(const F& f) const {
    const std::size_t most = laid_out ? gradient_rows : n;
    std::size_t k = 0;
    do {  // of no rows the sums are 0, and are stored as others are
      const Part part{0, 0, k, k + most < n ? k + most : n, k == 0, k + most >= n};
      if (laid_out) lay_out_delta(part.k0, part.k1 - part.k0);
      f(part);
      k += most;
    } while (k < n);
  }

  // The columns within panel q
  std::size_t begin_in(std::size_t q) const { return begin > q * panel<T> ? begin - q * panel<T> : 0; }
  std::size_t end_in(std::size_t q) const {
    const std::size_t base = q * panel<T>, n_columns = columns_of<T>(delta.columns, q);
    return end <= base ? 0 : (end - base < n_columns ? end - base : n_columns);
  }

  // Rows r0 … r1 of W, strip after strip; make_epilogue(offset of the strip in W, its stride). Small factors stay in
  // the cache anyway: then W is walked through in the order of its memory.
  template <class MakeEpilogue>
  CHAINRULE_INLINE void tiles(Part part, std::size_t r0, std::size_t r1, const MakeEpilogue& make_epilogue) const {
    const std::size_t n_q = n_panels<T>(delta.columns);
    if (laid_out) {
      for_panels<T>(r0, r1, [&](std::size_t p, std::size_t first, std::size_t end) {
        const std::size_t width = panel_width<T>(a_in.columns, p), start = panel_start<T>(a_in.rows, p);
        lay_out_tiles<T>(a_in.data + start + (first_row + part.k0) * width, width, part.k1 - part.k0, first, end,
                         scratch);
        if (part.last) fetch(p * panel<T> + first, p * panel<T> + end);
        for (std::size_t q = 0; q < n_q; ++q) strips(part, p, q, first, end, nullptr, make_epilogue);
      });
      return;
    }
    for (std::size_t q = 0; q < n_q; ++q)
      for_panels<T>(r0, r1, [&](std::size_t p, std::size_t first, std::size_t end) {
        if (q == 0) fetch(p * panel<T> + first, p * panel<T> + end);
        strips(part, p, q, first, end, p == r0 / panel<T> ? db : nullptr, make_epilogue);
      });
  }

 private:
  // Rows first … end of panel p of W, the columns of panel q of delta; their sums into `sums` (or null)
  template <class MakeEpilogue>
  CHAINRULE_INLINE void strips(Part part, std::size_t p, std::size_t q, std::size_t first, std::size_t end, T* sums,
                               const MakeEpilogue& make_epilogue) const {
    const std::size_t width = panel_width<T>(delta.columns, q), m = part.k1 - part.k0;
    part.i0 = first, part.i1 = end;
    const std::size_t left = begin_in(q), right = laid_out ? width : end_in(q);  // laid out for whole tiles
    if (left >= right) return;
    for_strips<T>(right - left, 64, [&](auto vectors, std::size_t from_left) {
      constexpr int V = decltype(vectors)::value;
      const std::size_t column = left + from_left;
      const auto epilogue = make_epilogue(panel_start<T>(a_in.columns, q) + p * panel<T> * width + column, width);
      if constexpr (strips_are_narrow<T> && V == tile_vectors) {
        if (laid_out)
          return multiply_transposed_strip<T, V, false>(scratch, 0, strip(q * panel<T> + column, m), V * lanes<T>, part,
                                                        epilogue);
      }
      const std::size_t a_width = panel_width<T>(a_in.columns, p);
      const T* const a = a_in.data + panel_start<T>(a_in.rows, p) + first_row * a_width;
      const T* const d = delta.data + panel_start<T>(delta.rows, q) + first_row * width + column;
      if (sums) sum_strip<T, V>(d, width, m, sums + q * panel<T> + column);
#if defined(CHAINRULE_AVX512)
      if constexpr (V <= 1) {
        if (are_few<T>(right - column, first, m))
          return few_columns<T, V>(a, a_width, first, end, d, width, right - column, m, epilogue);
      }
#endif
      if constexpr (decltype(epilogue)::divides && V > 0 && !strips_are_narrow<T> && lanes<T> != 1) {
        if (far) return multiply_beside_epilogue<T, V>(a, a_width, d, width, part, epilogue);
      }
      multiply_transposed_strip<T, V, true>(a, a_width, d, width, part, epilogue);
    });
  }
  // Columns c0 … c1 of the rows that come next
  CHAINRULE_INLINE void fetch(std::size_t c0, std::size_t c1) const {
    for (std::size_t i = 0; i < next.n; ++i) {
      const T* const x = next.X + static_cast<std::size_t>(next.rows[i]) * a_in.columns;
      for (std::size_t c = c0; c < c1; c += chunk<T>) __builtin_prefetch(x + c, 0, 2);
      __builtin_prefetch(x + c1 - 1, 0, 2);
    }
  }
  T* strip(std::size_t column, std::size_t m) const { return scratch + (panel<T> + column) * m; }
  void lay_out_delta(std::size_t k0, std::size_t m) const {
    constexpr std::size_t of_strip = tile_vectors * lanes<T>;
    for (std::size_t q = 0; q < n_panels<T>(delta.columns); ++q) {
      const std::size_t width = panel_width<T>(delta.columns, q);
      const T* const d = delta.data + panel_start<T>(delta.rows, q) + (first_row + k0) * width;
      for (std::size_t column = 0; column < width; column += of_strip)
        lay_out<T>(d + column, width, of_strip, m, strip(q * panel<T> + column, m));
    }
  }
};

}  // namespace
}  // namespace chainrule
