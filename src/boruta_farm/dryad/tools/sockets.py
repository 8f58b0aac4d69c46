"""Power sockets asked what they are; nothing is switched."""

import json
from collections.abc import Sequence
from typing import Any, Final

from boruta_farm.dryad.tools.found import Found
from boruta_farm.dryad.tools.web import fetch
from boruta_farm.model.errors import BoardError

WITHIN: Final = 3.0


async def ask_sockets(urls: Sequence[str]) -> list[Found]:
    """Return those of the addresses that are a Shelly or Tasmota."""
    return [found for url in urls if (found := await _ask(url.rstrip("/"))) is not None]


async def _ask(url: str) -> Found | None:
    shelly = await _json(f"{url}/shelly")
    if "gen" in shelly or "type" in shelly:
        device = "shelly" if "gen" in shelly else "shelly-gen1"
        model = shelly.get("model") or shelly.get("type")
        return _socket(url, device, 0, f"a Shelly {model!r}")
    tasmota = await _json(f"{url}/cm?cmnd=Status")
    if isinstance(tasmota.get("Status"), dict):
        names = tasmota["Status"].get("FriendlyName")
        return _socket(url, "tasmota", 1, f"a Tasmota socket {names!r}")
    return None


def _socket(url: str, device: str, channel: int, words: str) -> Found:
    settings = {"device": device, "url": url, "channel": channel}
    return Found(words=f"{words} at {url}", name="power", driver="http", settings=settings)


async def _json(url: str) -> dict[str, Any]:
    """Return a JSON object, empty where none is answered."""
    try:
        told = json.loads(await fetch(url, limit=WITHIN))
    except (BoardError, TimeoutError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
