"""`python -m waivern` is the command line."""

from waivern.cli.main import main

main()
