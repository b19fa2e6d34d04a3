"""Where artifacts are kept: the port, and the store in memory."""
