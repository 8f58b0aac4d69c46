"""What is typed behind the agent's commands."""

import argparse
from typing import NoReturn

from boruta_farm.model.token import conceal


class TypedArguments(argparse.ArgumentParser):
    """Parse a command's arguments; a token among them is not repeated where they are refused.

    What a command prints is kept in logs of CI and of services.
    """

    def error(self, message: str) -> NoReturn:
        """Tell the usage and what is wrong, and end with 2."""
        super().error(conceal(message))
