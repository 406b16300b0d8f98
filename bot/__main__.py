"""`python -m bot` is `watchkeeper`."""

from bot.cli.main import main

main()
