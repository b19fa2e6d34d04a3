"""How files of each format are taken apart: one module a format, and one register that picks the format of a file."""
