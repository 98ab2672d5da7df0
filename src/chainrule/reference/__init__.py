"""The mathematics, once: activations, losses, layers, propagation, penalties, optimizers.

NumPy only, any float dtype, pure functions: no input or output, no randomness, no state. Read in this
order: activations, losses, layers, propagate, penalties, optimizers. Every other engine is measured
against these functions.
"""
