"""Schedules, their triggers, and what services share."""
