"""A report as one self-contained HTML file: no network, no library, no font."""
