"""Use cases that plan, execute and cancel runs."""
