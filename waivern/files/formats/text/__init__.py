"""Formats of running text: HTML pages and e-mails."""
