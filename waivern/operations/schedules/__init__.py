"""Use cases about schedules, the queue and services."""
