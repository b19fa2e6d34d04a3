"""Bounds of notices, for those who must not load what reads runbooks."""

LONGEST_TIMEOUT_S = 300.0
"""A notice may be given no longer to arrive."""
