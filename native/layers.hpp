// Mirrors reference/layers.py: dense layers and the operations around their products, forward next to backward.
//
//   nodes.hpp            activate, masks, residual sums and their pullback (no product)
//   dense.hpp            dense_forward (z = a_in @ W + b, a = g(z)) and dense_delta (BP2)
//   dense_gradient.hpp   dW = a_in.T @ delta with the update in its registers (BP4), db (BP3)
//   gather.hpp           the rows of a batch
#pragma once

#include "dense.hpp"
#include "dense_gradient.hpp"
#include "gather.hpp"
#include "nodes.hpp"
