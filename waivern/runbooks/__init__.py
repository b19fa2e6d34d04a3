"""What a user writes: the runbook's model, how it is read from YAML, and what `${NAME}` in it means."""
