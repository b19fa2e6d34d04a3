"""Measures speed and memory. Each module prints a table: `python -m benchmarks.executor`, and so on.

Machines are noisy: figures are medians, CPU time stands beside wall time, and each has a floor or a peer measured in
the same run to take a ratio to.
"""
