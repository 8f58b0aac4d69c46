"""The page: files that were built from ``ui/``, told from memory, and its places."""

import hashlib
from dataclasses import dataclass
from functools import cache
from mimetypes import guess_type
from pathlib import Path
from typing import Final

from starlette.requests import Request as Asked
from starlette.responses import PlainTextResponse, Response

from boruta_farm.web.headers import takes_gzip

BUILT: Final = Path(__file__).parents[1] / "page"
"""Where the build leaves the page; a wheel carries it."""

INDEX: Final = "index.html"
ASSETS: Final = "assets/"
"""Below it every file's name holds a hash of what is in it."""

PLACES: Final = frozenset(
    {"", "queue", "boards", "requests", "history", "numbers", "admin", "sign-in", "wall"}
)
"""First words of the page's own addresses: each is the same file, which knows what to show."""

NOT_BUILT: Final = (
    "This server was built without its page; the HTTP API at /api/v1/ and the command line "
    "boruta work all the same.\n"
)

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        # The player of recordings has its terminal in WebAssembly: this allows that, and no eval.
        "script-src 'self' 'wasm-unsafe-eval'",
        # The terminal makes style elements of its own; a style can neither run nor call.
        "style-src-elem 'self' 'unsafe-inline'",
        "style-src-attr 'none'",
        "img-src 'self' data: https:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Pictures may come by https from elsewhere, because admins name photos of boards so."""

FOREVER: Final = "public, max-age=31536000, immutable"
ANEW: Final = "no-cache"
GZIP_SUFFIX: Final = ".gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile:
    """Hold one file; ``packed`` is the same compressed, None where that is no smaller."""

    content: bytes
    packed: bytes | None
    media: str
    tag: str
    lasting: bool


class StaticPage:
    """Answer for everything outside the API: with the page's files, or in words."""

    def __init__(self, folder: Path = BUILT) -> None:
        """Read the files once; a folder that is not there is a server without its page."""
        self._files = dict(_read(folder)) if (folder / INDEX).is_file() else {}

    @property
    def built(self) -> bool:
        """Tell whether there is a page."""
        return bool(self._files)

    async def answer(self, asked: Asked) -> Response:
        """Answer one call."""
        path = str(asked.scope["path"])[1:]
        reading = asked.method in ("GET", "HEAD")
        file = None if path == INDEX else self._files.get(path)
        # The original has nothing at "/", and its clients, which ask for no HTML, are told so.
        browser = "text/html" in asked.headers.get("accept", "")
        if file is None and reading and browser and path.partition("/")[0] in PLACES:
            if not self._files and not path:
                return PlainTextResponse(NOT_BUILT)
            file = self._files.get(INDEX)
        if file is None or not reading:
            return nothing_here()
        return _tell(file, asked)


@cache
def built_page() -> StaticPage:
    """Return the page that this installation has, read once."""
    return StaticPage()


def nothing_here() -> Response:
    """Answer for paths that no page has, in the original's words."""
    return PlainTextResponse(
        "404 page not found\n", status_code=404, headers={"x-content-type-options": "nosniff"}
    )


def _tell(file: PageFile, asked: Asked) -> Response:
    headers = {
        "cache-control": FOREVER if file.lasting else ANEW,
        "content-security-policy": POLICY,
        "etag": file.tag,
        "vary": "Accept, Accept-Encoding",
    }
    if asked.headers.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    content = file.content
    if file.packed is not None and takes_gzip(asked.headers.get("accept-encoding", "")):
        content = file.packed
        headers["content-encoding"] = "gzip"
    return Response(content, headers=headers, media_type=file.media)


def _read(folder: Path) -> list[tuple[str, PageFile]]:
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix == GZIP_SUFFIX or path.name.startswith("."):
            continue
        name = path.relative_to(folder).as_posix()
        content = path.read_bytes()
        packed = path.with_name(path.name + GZIP_SUFFIX)
        found.append(
            (
                name,
                PageFile(
                    content=content,
                    packed=packed.read_bytes() if packed.is_file() else None,
                    media=guess_type(name)[0] or "application/octet-stream",
                    tag=f'"{hashlib.sha256(content).hexdigest()[:20]}"',
                    lasting=name.startswith(ASSETS),
                ),
            )
        )
    return found
