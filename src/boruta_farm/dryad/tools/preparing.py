"""An act's call that nobody has made over a socket: the agent's own, for a job that is to begin."""

from collections.abc import Callable, Mapping

from boruta_farm.dryad.tools.errors import ActError
from boruta_farm.dryad.tools.moving import Note


class PreparingCall:
    """What an act is asked, for the agent itself; implements ``ActCall``."""

    def __init__(
        self, arguments: Mapping[str, object], check: Callable[[], None], note: Note
    ) -> None:
        self.arguments = arguments
        self._check = check
        self._note = note

    def check(self) -> None:
        """Refuse to go on for a job that is not wanted any more."""
        self._check()

    def take_descriptor(self) -> int:
        """Raise ActError: no file comes with it."""
        raise ActError("no file comes with what the farm asks for; an address has to")

    async def send(self, data: bytes) -> None:
        """Drop bytes that are meant for a caller."""
        return

    async def note(self, **words: object) -> None:
        """Tell how far the act has come."""
        await self._note(words)

    async def receive(self) -> bytes:
        """Return that nothing will come."""
        return b""
