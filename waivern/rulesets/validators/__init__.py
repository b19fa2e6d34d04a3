"""Validators: checksums, calendars and numbering plans that accept or reject a match."""
