"""Finds indicators by rules: personal data, data subjects, purposes, services, secrets and the like."""
