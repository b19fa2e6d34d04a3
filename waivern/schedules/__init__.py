"""Schedules and the times at which they are due: pure, without a clock or a database."""
