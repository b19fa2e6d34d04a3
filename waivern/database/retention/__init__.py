"""Retention rules and garbage collection of blobs."""
