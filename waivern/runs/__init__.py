"""Executing plans, and the record of a run."""
