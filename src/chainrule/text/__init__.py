"""Formatting of formulas: numbers and tables for a terminal, terms and sums, NumPy lines. Knows no networks."""
