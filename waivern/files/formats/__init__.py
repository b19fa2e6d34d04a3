"""File formats: one module per format, in rooms by kind, and the registry that detects a file's format."""
