"""Rows come in: built-in sets, files, arrays; targets and splits."""
