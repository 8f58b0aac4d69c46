"""What the caller of a tool did wrong; what failed at the board itself is a BoardError."""

from boruta_farm.model.errors import BoardError, InvalidError


class ActError(InvalidError):
    """this cannot be done with this tool"""


class SessionOverError(InvalidError):
    """the job has ended; nothing more is done for it"""


class UnreadyError(BoardError):
    """the board could not be made ready"""

    def __init__(self, message: str | None = None, lines: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.lines = lines
        """What the device's console said last."""
