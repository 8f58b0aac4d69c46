"""Who is at the door, once he has proved it."""

from dataclasses import dataclass

from boruta_farm.model.front_door import DoorVisitor


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorGuest:
    """Name somebody the door has let in.

    ``key`` is the public key that he proved, type and body, None where he gave a token.
    """

    visitor: DoorVisitor
    key: str | None
    source: str
    certificate: str = ""
    """By which he is in, where it was not his key alone; and the name that he gave with it."""
    user: str = ""

    @property
    def who(self) -> str:
        """Return for whom boards are kept: an account; without users, one holder of a key."""
        if not self.visitor.open_farm:
            return self.visitor.account
        return self.key or f"somebody at {self.source}"
