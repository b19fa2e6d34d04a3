"""Classifies indicators under the GDPR."""
