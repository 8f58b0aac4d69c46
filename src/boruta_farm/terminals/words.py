"""What words of others may become part of a line that a board runs."""

import re
from typing import Final

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
"""Names of consoles, media and screens."""
