// Mirrors seeding.py: the keys of its streams, and the order of the rows in an epoch.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels.hpp"

namespace chainrule {

constexpr std::uint32_t purpose_shuffle = 2, purpose_dropout = 3;

inline PhiloxKey stream_key(std::uint64_t seed, std::uint32_t purpose, std::uint64_t epoch, std::uint64_t step) {
  std::uint32_t c[4] = {purpose, static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(step),
                        static_cast<std::uint32_t>(step >> 32)};
  auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    const std::uint64_t p0 = std::uint64_t(0xD2511F53u) * c[0], p1 = std::uint64_t(0xCD9E8D57u) * c[2];
    const std::uint32_t next[4] = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
                                   static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    std::copy(next, next + 4, c);
  }
  return {c[0], c[1]};
}

// The rows sorted by (their 32-bit word, their number), both packed into one 64-bit integer. Of very many rows nothing is
// kept but these integers, which become the rows in place: 8 bytes a row, also while they are sorted.
class RowOrder {
 public:
  RowOrder(const Variant& variant, std::uint64_t seed, std::size_t n, bool shuffle)
      : variant_(variant), seed_(seed), n_(n), shuffle_(shuffle), rows_(n) {
    for (std::size_t i = 0; i < n; ++i) rows_[i] = static_cast<std::int64_t>(i);
  }
  const std::int64_t* of_epoch(std::uint64_t epoch);

 private:
  static constexpr std::size_t many_rows = std::size_t(1) << 15, very_many_rows = std::size_t(1) << 22;

  void sort_by_buckets();
  void sort_many();
  void sort_in_place(PhiloxKey key);
  const Variant& variant_;
  const std::uint64_t seed_;
  const std::size_t n_;
  const bool shuffle_;
  std::uint64_t epoch_ = ~std::uint64_t(0);
  std::vector<std::int64_t> rows_;
  std::vector<std::uint32_t> words_, starts_;
  std::vector<std::uint64_t> pairs_, spare_;
};

inline const std::int64_t* RowOrder::of_epoch(std::uint64_t epoch) {
  if (!shuffle_ || epoch == epoch_) return rows_.data();
  const PhiloxKey key = stream_key(seed_, purpose_shuffle, epoch, 0);
  epoch_ = epoch;
  if (n_ > very_many_rows) {
    sort_in_place(key);
    return rows_.data();
  }
  const std::size_t n_groups = (n_ + 31) / 32;
  words_.resize(n_groups * 32), pairs_.resize(n_);
  variant_.words(key, 0, 0, n_groups, words_.data());
  if (n_ > many_rows)
    sort_many();
  else
    sort_by_buckets();
  for (std::size_t i = 0; i < n_; ++i) rows_[i] = static_cast<std::int64_t>(pairs_[i] & 0xFFFFFFFFu);
  return rows_.data();
}

// As many buckets as rows, by the leading bits of a word: what is left to do lies within buckets of a row or two, and
// one insertion sort over all of them does it.
inline void RowOrder::sort_by_buckets() {
  const int bits = std::clamp(static_cast<int>(std::bit_width(n_)), 1, 16);
  starts_.assign((std::size_t(1) << bits) + 1, 0);
  for (std::size_t i = 0; i < n_; ++i) ++starts_[(words_[i] >> (32 - bits)) + 1];
  for (std::size_t k = 1; k < starts_.size(); ++k) starts_[k] += starts_[k - 1];
  for (std::size_t i = 0; i < n_; ++i) pairs_[starts_[words_[i] >> (32 - bits)]++] = std::uint64_t(words_[i]) << 32 | i;
  for (std::size_t i = 1; i < n_; ++i) {
    const std::uint64_t pair = pairs_[i];
    std::size_t j = i;
    for (; j > 0 && pairs_[j - 1] > pair; --j) pairs_[j] = pairs_[j - 1];
    pairs_[j] = pair;
  }
}

// Radix sort by 11 bits of the word at a time, the lowest first: every pass keeps the order of the one before, so
// equal words stay in the order of their rows. It reads and writes in streams where buckets would miss the cache.
inline void RowOrder::sort_many() {
  constexpr int digit = 11, n_digits = 3;
  constexpr std::size_t n_values = std::size_t(1) << digit;
  std::vector<std::size_t> starts(n_digits * n_values, 0);
  for (std::size_t i = 0; i < n_; ++i)
    for (int d = 0; d < n_digits; ++d)
      ++starts[static_cast<std::size_t>(d) * n_values + (words_[i] >> d * digit) % n_values];
  for (int d = 0; d < n_digits; ++d) {
    std::size_t before = 0;
    for (std::size_t k = 0; k < n_values; ++k)
      before += std::exchange(starts[static_cast<std::size_t>(d) * n_values + k], before);
  }
  spare_.resize(n_);
  for (std::size_t i = 0; i < n_; ++i) pairs_[i] = std::uint64_t(words_[i]) << 32 | i;
  for (int d = 0; d < n_digits; ++d, pairs_.swap(spare_)) {
    std::size_t* const place = &starts[static_cast<std::size_t>(d) * n_values];
    for (std::size_t i = 0; i < n_; ++i) spare_[place[(pairs_[i] >> (32 + d * digit)) % n_values]++] = pairs_[i];
  }
}

// Dealt to buckets by the leading bits of a word, which is made twice rather than kept, then each bucket sorted alone.
inline void RowOrder::sort_in_place(PhiloxKey key) {
  constexpr int bits = 12;
  constexpr std::size_t n_buckets = std::size_t(1) << bits, n_at_once = std::size_t(1) << 14;
  std::vector<std::uint32_t> words(n_at_once);
  const auto for_words = [&](const auto& f) {
    for (std::size_t first = 0; first < n_; first += n_at_once) {
      const std::size_t n = std::min(n_at_once, n_ - first);
      variant_.words(key, 0, first / 32, (n + 31) / 32, words.data());
      for (std::size_t i = 0; i < n; ++i) f(words[i], first + i);
    }
  };
  std::vector<std::size_t> ends(n_buckets + 1, 0);
  for_words([&](std::uint32_t word, std::size_t) { ++ends[(word >> (32 - bits)) + 1]; });
  for (std::size_t k = 1; k <= n_buckets; ++k) ends[k] += ends[k - 1];
  // ends[k] is where bucket k begins, and once it is dealt, where it ends
  auto* const pairs = reinterpret_cast<std::uint64_t*>(rows_.data());
  for_words(
      [&](std::uint32_t word, std::size_t i) { pairs[ends[word >> (32 - bits)]++] = std::uint64_t(word) << 32 | i; });
  for (std::size_t k = 0, begin = 0; k < n_buckets; begin = ends[k++]) std::sort(pairs + begin, pairs + ends[k]);
  for (std::size_t i = 0; i < n_; ++i) pairs[i] &= 0xFFFFFFFFu;
}

}  // namespace chainrule
