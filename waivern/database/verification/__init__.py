"""Checks that the stored records are as they were written."""
