"""Use cases about findings and decisions."""
