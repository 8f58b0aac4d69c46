"""`python -m boruta_farm.dryad`: the agent without its script."""

from boruta_farm.dryad.main import main

main()
