"""Columns become numbers and back: fitted on the training rows, kept as arrays and JSON."""
