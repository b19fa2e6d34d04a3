"""Bytes and texts that several formats share."""
