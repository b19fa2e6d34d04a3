"""Commands that execute, list, cancel and export runs."""
