"""Limits of notifications. Separate from `notify_config.py`, which imports pydantic."""

MAX_NOTIFY_TIMEOUT_S = 300.0
"""The longest `timeout` of one delivery attempt, in seconds."""
