"""An image taken from a web server, which is believed in nothing."""

import http
import http.client
import select
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Final

from boruta_farm.dryad.images.addresses import is_allowed
from boruta_farm.dryad.images.errors import ImageError, size
from boruta_farm.dryad.images.source import Take

ANSWER_WITHIN: Final = 30.0
"""Seconds in which a server must send the next bytes."""

MORE_WITHIN: Final = 500
"""Milliseconds in which a server that goes on past its length would have done so."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow a server elsewhere only where the list allows that place, too."""

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._prefixes = prefixes

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not is_allowed(newurl, self._prefixes):
            raise ImageError(
                f"{req.full_url} leads to {newurl}, which the board's image_urls do not allow"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Read an answer's body; ``length`` is what the server has told, None where it has not."""

    take: Take
    length: int | None
    see_end: Callable[[], None]


def fetch(address: str, prefixes: tuple[str, ...]) -> Download:
    """Ask for an image. Raises ImageError, also for an address that the list does not allow."""
    if not is_allowed(address, prefixes):
        raise ImageError(f"the board's image_urls do not allow {address}")
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(prefixes),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(address, headers={"User-Agent": "boruta-dryad"})
    try:
        response = opener.open(request, timeout=ANSWER_WITHIN)
    except urllib.error.HTTPError as error:
        why = "".join(c if c.isprintable() else "?" for c in str(error.reason))
        raise ImageError(f"{address}: the server answers {error.code} {why}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(address, error) from None
    assert isinstance(response, http.client.HTTPResponse)
    if response.status != http.HTTPStatus.OK:
        # A part that nobody asked for (206) would pass for the whole.
        raise ImageError(f"{address}: the server answers {response.status}, not with a whole image")
    length = response.length
    body = response.fp

    def take(view: memoryview) -> int:
        # A body of known length is read past the response, which would hide that more comes.
        try:
            return (response if length is None else body).readinto(view)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _failed(address, error) from None

    def see_end() -> None:
        if length is None:
            return
        poll = select.poll()
        poll.register(body.fileno(), select.POLLIN)
        # One that keeps the connection open and says nothing is as good as one that closes it.
        if poll.poll(MORE_WITHIN) and body.read(1):
            raise ImageError(f"{address}: more came than the {size(length)} that the server told")

    return Download(take=take, length=length, see_end=see_end)


def _failed(address: str, error: Exception) -> ImageError:
    reason = getattr(error, "reason", error)
    why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return ImageError(f"{address}: {why}")
