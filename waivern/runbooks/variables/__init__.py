"""The `${NAME}` variables of a runbook: resolving them, and redacting their values."""
