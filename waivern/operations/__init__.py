"""Use cases, one per file: plain data in, plain data out. The command line and the service call them."""
