"""Writing runs to archives and restoring them; an archive is untrusted input."""
