"""Commands about findings and decisions."""
