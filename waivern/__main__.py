"""`python -m waivern` is the command line."""

from waivern.cli.shell.main import main

main()
