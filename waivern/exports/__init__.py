"""A run as others read it: each exporter turns one report into the bytes of one format."""
