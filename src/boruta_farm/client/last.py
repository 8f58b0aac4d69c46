"""What was last held of each farm, remembered for ``boruta ssh --again``."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from boruta_farm.client.credentials import replace_private
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.home import home_of
from boruta_farm.model.request import Request
from boruta_farm.settings.declaration import Struct, setting
from boruta_farm.settings.files import parse_json, read_bounded
from boruta_farm.settings.kinds import Maybe, Named, Text, Whole
from boruta_farm.settings.table import SettingError

MOST_FARMS = 50
"""What was held of farms that were not used for longest is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastHeld:
    """Carry the request whose board was last held, and what it asked for."""

    request: int = setting(Whole(), "The request's id.")
    caps: Mapping[str, str] = setting(Named(Text()), "Capabilities.", make=dict)
    selector: str | None = setting(Maybe(Text()), "More than exact values.", default=None)
    image: str | None = setting(Maybe(Text()), "An image to be flashed.", default=None)
    storage: str | None = setting(Maybe(Text()), "Where to.", default=None)
    boot_until: str | None = setting(Maybe(Text()), "A prompt to boot to.", default=None)

    def fits(self, request: Request) -> bool:
        """Tell whether this is the request meant, and still has a board or waits for one.

        A farm that was set up anew gives the same ids to others' requests.
        """
        asked = (dict(request.required), request.selector)
        return not request.state.finished and asked == (dict(self.caps), self.selector)


FARMS = Named(Struct(LastHeld))


def state_path(environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the file in the user's folder for state, None for a user without a home."""
    environment = os.environ if environment is None else environment
    base, home = environment.get("XDG_STATE_HOME"), home_of(environment)
    if base:
        return Path(base) / "boruta" / "last.json"
    return None if home is None else home / ".local" / "state" / "boruta" / "last.json"


def recall(path: Path | None, server: str) -> LastHeld | None:
    """Return what was last held of a farm. Raises ConfigError for a file that is damaged."""
    return _read(path).get(server)


def remember(path: Path | None, server: str, request: Request) -> None:
    """Note what is held of a farm now. Raises ConfigError."""
    kept = dict(_read(path))
    kept.pop(server, None)
    kept[server] = LastHeld(
        request=request.id,
        caps=dict(request.required),
        selector=request.selector,
        image=request.image,
        storage=request.storage,
        boot_until=request.boot_until,
    )
    newest = list(kept.items())[-MOST_FARMS:]
    text = json.dumps({farm: asdict(held) for farm, held in newest}, indent=2)
    replace_private(path, text, "what was last held", "XDG_STATE_HOME")


def _read(path: Path | None) -> Mapping[str, LastHeld]:
    if path is None:
        return {}
    try:
        return FARMS.read(parse_json(read_bounded(path)))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except SettingError as wrong:
        raise ConfigError(f"{path}: is damaged ({wrong.message}); remove it") from None
