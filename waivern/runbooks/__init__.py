"""The runbook format: its model, reading it from YAML, and the `${NAME}` variables in it."""
