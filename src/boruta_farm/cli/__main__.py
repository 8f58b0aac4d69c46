"""`python -m boruta_farm.cli`: the command without its script."""

from boruta_farm.cli.main import main

main()
