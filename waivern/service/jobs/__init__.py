"""Background jobs on APScheduler."""
