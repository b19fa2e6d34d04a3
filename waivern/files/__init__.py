"""Files as connectors read them: which there are, what is in them, in which encoding."""
