"""What the caller of a tool did wrong; what failed at the board itself is a BoardError."""

from boruta_farm.model.errors import InvalidError


class ActError(InvalidError):
    """this cannot be done with this tool"""


class SessionOverError(InvalidError):
    """the job has ended; nothing more is done for it"""
