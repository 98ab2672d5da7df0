#include "dispatch.hpp"

namespace chainrule {

#if defined(__x86_64__)
extern const Variant variant_avx512, variant_avx2, variant_scalar, variant_emulated;
#elif defined(__aarch64__)
extern const Variant variant_neon, variant_scalar, variant_emulated;
#else
extern const Variant variant_emulated;
#endif

std::vector<const Variant*> usable_variants() {
  std::vector<const Variant*> usable;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool fma = __builtin_cpu_supports("fma");
  if (fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    usable.push_back(&variant_avx512);
  if (fma && __builtin_cpu_supports("avx2")) usable.push_back(&variant_avx2);
  if (fma) usable.push_back(&variant_scalar);
#elif defined(__aarch64__)
  usable.push_back(&variant_neon);
  usable.push_back(&variant_scalar);
#endif
  usable.push_back(&variant_emulated);
  return usable;
}

const Variant* find_variant(const std::string& name) {
  const std::vector<const Variant*> usable = usable_variants();
  if (name.empty()) return usable.front();
  for (const Variant* variant : usable)
    if (name == variant->name) return variant;
  // "scalar" on a machine without the instruction: the same bits, slower
  return name == "scalar" ? usable.back() : nullptr;
}

}  // namespace chainrule
