"""Content-addressed storage: compression, framing, encryption."""
