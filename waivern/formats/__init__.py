"""File formats that Waivern writes and reads back."""
