"""`${NAME}` in a runbook: resolving it, and keeping its value out of everything that is shown."""
