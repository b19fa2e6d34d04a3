"""What an exporter is given: the report of one run, and what the organisation declares."""
