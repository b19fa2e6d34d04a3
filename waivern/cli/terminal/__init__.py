"""Output of commands: tables, JSON, summaries and live progress."""
