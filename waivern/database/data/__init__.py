"""Pruning, erasure and encryption of stored content."""
