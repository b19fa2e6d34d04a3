"""What can be asked of Waivern, one verb a file; terminal, page and API only show it."""
