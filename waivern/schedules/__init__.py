"""When runbooks are due: pure, without a clock and without a database."""
