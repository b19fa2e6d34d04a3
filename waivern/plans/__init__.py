"""From a runbook to an execution plan. Everything that can be checked is checked before anything runs."""
