"""Storing artifacts: the ports, and the in-memory store."""
