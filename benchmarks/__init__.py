"""Speed and memory benchmarks. Each module prints a table, for example `python -m benchmarks.executor`.

Machines are noisy, so figures are medians, show CPU time beside wall time, and are compared with a floor or a peer that
is measured in the same run.
"""
