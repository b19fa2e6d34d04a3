"""File formats: one module per format, in subpackages by kind, and the registry that detects a file's format."""
