"""Formats of keys and values: JSON, YAML and XML."""
