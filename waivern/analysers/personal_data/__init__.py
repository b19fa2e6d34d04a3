"""Finds personal data in text, tables and source code."""
