"""The audit log: appending, reading and hashing events."""
