"""The command line: each command parses, asks an operation, prints."""
