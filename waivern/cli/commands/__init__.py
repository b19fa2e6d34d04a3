"""The commands, one file each, in subpackages by subject."""
