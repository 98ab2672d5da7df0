"""Benchmarks: training and prediction compared with other libraries, in turns on the same machine."""
