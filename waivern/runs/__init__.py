"""Making a plan's artifacts, and what a run is."""
