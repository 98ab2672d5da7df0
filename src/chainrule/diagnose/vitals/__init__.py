"""Vital signs of a run at chosen steps: curvature, overshoot, gradients by factor, silent units, noise."""
