"""How formulas are told: numbers and tables for a terminal, terms and their sums, NumPy lines. Knows no network."""
