"""What flows between artifacts: a message, its schema, and the check that the one fits the other."""
