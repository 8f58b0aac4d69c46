"""What an agent has used and done, kept on this machine across its sessions.

Two files of the user's for each farm: what counts for the budget, and a line for every act.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from boruta_farm.client.credentials import replace_private
from boruta_farm.mcp.budget import Booking, CountedAct, Spent
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.home import home_of
from boruta_farm.settings.files import read_bounded

PRIVATE: Final = 0o600
VARIABLE: Final = "XDG_STATE_HOME"


def state_folder(server: str, environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder for one farm. Raises ConfigError for a user without a home."""
    environment = os.environ if environment is None else environment
    base, home = environment.get(VARIABLE), home_of(environment)
    if not base and home is None:
        raise ConfigError(f"there is no home folder for the agent's budget; set HOME or {VARIABLE}")
    root = Path(base) if base else Path(str(home)) / ".local" / "state"
    return root / "boruta" / "mcp" / hashlib.sha256(server.encode()).hexdigest()[:16]


class AgentLedger:
    """Keep what was used and done; other processes of the same user write into it, too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spent = folder / "spent.json"
        self._acts = folder / "acts.jsonl"

    def prepare(self) -> None:
        """Make the folder and see that what is there can be read. Raises ConfigError."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{self._folder}: cannot be made: {error.strerror}; name another with {VARIABLE}"
            ) from None
        self._read()

    def change(self, change: Callable[[Spent], Spent], now: datetime) -> Spent:
        """Change what was used, in one step against all other processes. Raises what that does."""
        with self._locked():
            spent = change(self._read().since(now))
            replace_private(self._spent, _written(spent), "the agent's budget", VARIABLE)
            return spent

    def note(self, act: Mapping[str, object]) -> None:
        """Enter an act; a line is written whole or not at all."""
        line = json.dumps(dict(act), ensure_ascii=True, separators=(",", ":")) + "\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._acts, flags, PRIVATE)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self._folder / "lock", flags, PRIVATE)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def _read(self) -> Spent:
        try:
            return _spent(json.loads(read_bounded(self._spent)))
        except FileNotFoundError:
            return Spent()
        except OSError as error:
            raise ConfigError(f"{self._spent}: cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            # Without it a budget would begin anew: the person decides that, not the agent.
            raise ConfigError(f"{self._spent}: is damaged; remove it to begin a new day") from None


def _written(spent: Spent) -> str:
    bookings = [
        {
            "request": each.request,
            "begun": each.begun.isoformat(),
            "until": each.until.isoformat(),
            "over": each.over,
        }
        for each in spent.bookings
    ]
    acts = {
        counted.value: [at.isoformat() for at in times] for counted, times in spent.acts.items()
    }
    return json.dumps({"bookings": bookings, "acts": acts})


def _spent(content: dict[str, object]) -> Spent:
    bookings, acts = content["bookings"], content["acts"]
    if not isinstance(bookings, list) or not isinstance(acts, dict):
        raise TypeError("no lists")
    return Spent(
        bookings=tuple(
            Booking(
                request=int(each["request"]),
                begun=datetime.fromisoformat(each["begun"]),
                until=datetime.fromisoformat(each["until"]),
                over=bool(each["over"]),
            )
            for each in bookings
        ),
        acts={
            CountedAct(name): tuple(datetime.fromisoformat(at) for at in times)
            for name, times in acts.items()
        },
    )
