"""Text files of a folder."""
