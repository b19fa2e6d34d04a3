"""Reading a runbook from YAML or from data, with the line of every problem."""
