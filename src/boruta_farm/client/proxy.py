"""The proxy on the way to a server, as the environment names it."""

from collections.abc import Mapping
from importlib.util import find_spec
from urllib.parse import urlsplit

import httpx

from boruta_farm.model.addresses import parse_network, within
from boruta_farm.model.errors import ConfigError

PORTS = {"http": 80, "https": 443}


def proxy_for(server: str, environment: Mapping[str, str]) -> httpx.Proxy | None:
    """Return the proxy for one server, None where it is reached directly.

    Reads ``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy``, in small letters first,
    as curl does. The library would read them all at once, and fail over one that does not
    concern this server. Raises ConfigError naming the variable, never its value, which may hold
    a password.
    """
    parts = urlsplit(server)
    if _spared(parts.hostname or "", parts.port or PORTS[parts.scheme], environment):
        return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            value = environment.get(variable, "").strip()
            # A caller of a CGI program could set this one by a header.
            if value and not (variable == "HTTP_PROXY" and "REQUEST_METHOD" in environment):
                return _proxy(value, variable)
    return None


def _proxy(value: str, variable: str) -> httpx.Proxy:
    address = value if "://" in value else f"http://{value}"
    try:
        proxy = httpx.Proxy(address)
        usable = bool(proxy.url.host)
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable:
        raise ConfigError(
            f"{variable}: is no proxy's address; write http://HOST:PORT, or name the server in "
            "NO_PROXY"
        )
    if proxy.url.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ConfigError(
            f"{variable}: names a SOCKS proxy, which needs a library; run: pip install "
            "'httpx[socks]', or name the server in NO_PROXY"
        )
    return proxy


def _spared(host: str, port: int, environment: Mapping[str, str]) -> bool:
    """Tell whether ``no_proxy`` names a host: by name, by its domain, by address or network."""
    listed = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return any(_names(entry, host.lower(), port) for entry in listed.replace(",", " ").split())


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, wanted = _split(entry.lower())
    if wanted and wanted != str(port):
        return False
    try:
        return within(host, (parse_network(name, strict=False),))
    except ValueError:
        name = name.removeprefix("*").removeprefix(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))


def _split(entry: str) -> tuple[str, str]:
    """Return host and port, the latter empty where none is given."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""
