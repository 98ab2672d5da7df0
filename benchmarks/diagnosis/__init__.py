"""Faults put into trainings on purpose, healthy trainings beside them, and rules of fixed thresholds to compare."""
