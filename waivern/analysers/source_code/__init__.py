"""Tells source code from other text: its language and its structure."""
