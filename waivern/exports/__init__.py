"""Exports: one run as bytes in a format that other tools read."""
