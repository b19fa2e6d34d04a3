"""Files of a git repository at one revision."""
