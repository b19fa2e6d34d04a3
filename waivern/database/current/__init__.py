"""The current findings: refreshing, verdicts, filters."""
