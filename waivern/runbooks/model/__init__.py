"""What a runbook may hold, section by section, and its JSON Schema."""
