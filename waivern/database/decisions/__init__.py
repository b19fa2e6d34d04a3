"""Decisions about findings, and the results of gates."""
