"""Reading a runbook from YAML or from plain data, with a line number for every problem."""
