"""Use cases that read past runs."""
