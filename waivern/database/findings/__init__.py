"""Finding streams and snapshots."""
