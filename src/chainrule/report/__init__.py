"""The report page: one self-contained file that shows a run and recomputes it in the reader's browser."""
