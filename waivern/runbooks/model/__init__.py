"""The sections and keys of a runbook as pydantic models, and their JSON Schema."""
