"""Rows of a SQL database, read without changing it."""
