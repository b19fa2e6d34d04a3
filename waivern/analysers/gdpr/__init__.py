"""Classifiers that add the meaning under the GDPR to findings."""
