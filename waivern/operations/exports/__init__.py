"""Use cases that write runs and artifacts to files."""
