"""`python -m mailer`: the command line without the installed script."""

from mailer.cli import main

main()
