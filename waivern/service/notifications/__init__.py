"""Delivery of notifications to webhooks and hook commands."""
