"""Claiming runs, and the processes that execute them."""
