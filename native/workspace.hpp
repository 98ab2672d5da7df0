// Memory of a session, taken once; and the way between the plain layout (C order, as NumPy sees it) and
// panels. Infrastructure without mathematics.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "panels.hpp"

namespace chainrule {

// n zeros, aligned to two cache lines. Pages that are never touched cost nothing. What does not fit the first caches
// lies in pages of 2 MiB: neighbouring lines are fetched ahead only within a page, and the sets of the second cache
// are used evenly.
template <class T> class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t n) {
    constexpr std::size_t alignment = 128, large = std::size_t(1) << 18, page = std::size_t(1) << 21;
    if (n > std::numeric_limits<std::size_t>::max() / 2 / sizeof(T)) throw std::bad_alloc();  // the sum would wrap
    const std::size_t bytes = n * sizeof(T) + alignment;
    bytes_ = bytes < large ? 0 : round_up(bytes, page) + page;
    if (bytes_)
      block_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    else
      block_ = std::calloc(bytes, 1);
    if (!block_ || block_ == MAP_FAILED) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::uintptr_t>(block_);
    data_ = reinterpret_cast<T*>(round_up(address, bytes_ ? page : alignment));
#if defined(MADV_HUGEPAGE)
    if (bytes_) madvise(data_, bytes_ - page, MADV_HUGEPAGE);
#endif
  }
  ~Buffer() {
    if (bytes_)
      munmap(block_, bytes_);
    else
      std::free(block_);
  }
  Buffer(Buffer&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)), data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  T* get() const { return data_; }
  T& operator[](std::size_t i) const { return data_[i]; }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  void* block_ = nullptr;
  T* data_ = nullptr;
  std::size_t bytes_ = 0;  // that were mapped; 0: allocated
};

// `rows` rows of a plain matrix (rows, columns) into panels, padding untouched.
template <class T> void to_panels(const T* plain, Panels<T> m, std::size_t rows) {
  for (std::size_t p = 0; p < n_panels<T>(m.columns); ++p) {
    const std::size_t first = p * panel<T>, width = panel_width<T>(m.columns, p);
    const std::size_t n = m.columns - first < panel<T> ? m.columns - first : panel<T>;
    T* const out = m.data + panel_start<T>(m.rows, p);
    for (std::size_t i = 0; i < rows; ++i) std::memcpy(out + i * width, plain + i * m.columns + first, n * sizeof(T));
  }
}

template <class T> void to_plain(Panels<const T> m, T* plain, std::size_t rows) {
  for (std::size_t p = 0; p < n_panels<T>(m.columns); ++p) {
    const std::size_t first = p * panel<T>, width = panel_width<T>(m.columns, p);
    const std::size_t n = m.columns - first < panel<T> ? m.columns - first : panel<T>;
    const T* const in = m.data + panel_start<T>(m.rows, p);
    for (std::size_t i = 0; i < rows; ++i) std::memcpy(plain + i * m.columns + first, in + i * width, n * sizeof(T));
  }
}

}  // namespace chainrule
