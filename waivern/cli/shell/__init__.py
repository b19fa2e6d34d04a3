"""What all commands share: groups, options, callers, logs, signals and exit codes."""
