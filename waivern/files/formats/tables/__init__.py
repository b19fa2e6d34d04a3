"""Formats of rows and columns: CSV and similar."""
