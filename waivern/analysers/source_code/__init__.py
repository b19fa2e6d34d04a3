"""Identifies source code among other files, with its language and structure."""
