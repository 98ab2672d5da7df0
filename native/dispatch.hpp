// Which instruction sets are built in, which of them this processor has, and which one to take.
#pragma once

#include <string>
#include <vector>

#include "kernels.hpp"

namespace chainrule {

// Usable on this processor, the fastest first.
std::vector<const Variant*> usable_variants();

// The variant of that name; "" takes the fastest. nullptr if there is none.
const Variant* find_variant(const std::string& name);

}  // namespace chainrule
