// The layout of every matrix inside the engine: columns in panels of 256 bytes, row-major inside a
// panel, the last panel narrower but whole cache lines. Neighbouring rows of a panel lie next to each
// other, no stride is a power of two times a page, and any split by rows shares no cache line.
//
// A matrix (rows, columns) has its panel p at data + p·panel·rows. Columns between `columns` and the
// end of the last cache line are padding: 0 in weights and deltas, unused elsewhere.
#pragma once

#include <cstddef>

namespace chainrule {

template <class T> constexpr std::size_t panel = 256 / sizeof(T);
template <class T> constexpr std::size_t chunk = 64 / sizeof(T);  // numbers of a cache line

template <class T> struct Panels {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;
};

static constexpr std::size_t round_up(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit * unit; }

template <class T> static constexpr std::size_t padded_columns(std::size_t columns) {
  return round_up(columns, chunk<T>);
}
template <class T> static constexpr std::size_t n_panels(std::size_t columns) {
  return (columns + panel<T> - 1) / panel<T>;
}
// Columns of panel p, padding included: the row stride inside it.
template <class T> static constexpr std::size_t panel_width(std::size_t columns, std::size_t p) {
  const std::size_t rest = padded_columns<T>(columns) - p * panel<T>;
  return rest < panel<T> ? rest : panel<T>;
}
// The same without the padding.
template <class T> static constexpr std::size_t columns_of(std::size_t columns, std::size_t p) {
  const std::size_t rest = columns - p * panel<T>;
  return rest < panel<T> ? rest : panel<T>;
}
template <class T> static constexpr std::size_t n_elements(std::size_t rows, std::size_t columns) {
  return rows * padded_columns<T>(columns);
}
template <class T> static constexpr std::size_t panel_start(std::size_t rows, std::size_t p) {
  return p * panel<T> * rows;
}
// The cache line that holds columns c·chunk … of row i.
template <class T>
static constexpr std::size_t line_start(std::size_t rows, std::size_t columns, std::size_t i, std::size_t c) {
  const std::size_t p = c / (panel<T> / chunk<T>);
  return panel_start<T>(rows, p) + i * panel_width<T>(columns, p) + c % (panel<T> / chunk<T>)*chunk<T>;
}

}  // namespace chainrule
