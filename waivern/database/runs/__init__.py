"""Runs: store, queue, log, artifacts, history, outbox."""
