"""Formats that hold other files: ZIP and gzip."""
