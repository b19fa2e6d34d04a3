"""The service: a scheduler that queues runs when they are due, and workers that execute them."""
