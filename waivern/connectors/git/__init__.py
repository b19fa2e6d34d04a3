"""The `git` and `github` connectors: files of a git repository at one revision."""
