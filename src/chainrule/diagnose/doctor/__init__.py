"""Diagnosis: what went wrong first in a run, what followed from it, and what would put it right."""
