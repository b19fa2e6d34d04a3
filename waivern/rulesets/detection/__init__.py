"""Detection: from texts and a ruleset to spans."""
