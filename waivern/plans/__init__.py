"""From a runbook to a plan: everything that can be checked is checked before anything runs."""
