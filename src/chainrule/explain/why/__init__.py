"""Why a number is what it is: operands, formula, terms, paths, differences, and NumPy lines that make it again."""
