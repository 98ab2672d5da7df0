"""Faults injected into trainings, healthy trainings, and threshold rules for comparison."""
