"""Commands about schedules, and the service."""
