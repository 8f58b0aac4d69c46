"""The proxy on the way to a server, as the environment names it."""

from collections.abc import Mapping
from importlib.util import find_spec
from urllib.parse import urlsplit

from boruta_farm.model.addresses import is_loopback, parse_network, within
from boruta_farm.model.errors import ConfigError

PORTS = {"http": 80, "https": 443}
SCHEMES = ("http", "https", "socks5", "socks5h")


def proxy_for(server: str, environment: Mapping[str, str]) -> str | None:
    """Return the proxy for one server, None where it is reached directly, as this machine is.

    Reads ``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy``, in small letters first,
    as curl does. The library would read them all at once, and fail over one that does not
    concern this server. Raises ConfigError naming the variable, never its value, which may hold
    a password.
    """
    parts = urlsplit(server)
    if is_loopback(parts.hostname) or _spared(
        parts.hostname or "", parts.port or PORTS[parts.scheme], environment
    ):
        return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            value = environment.get(variable, "").strip()
            # A caller of a CGI program could set this one by a header.
            if value and not (variable == "HTTP_PROXY" and "REQUEST_METHOD" in environment):
                return _proxy(value, variable)
    return None


def _proxy(value: str, variable: str) -> str:
    address = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and parts.scheme in SCHEMES and (parts.port or 1) > 0
        usable = usable and value.isascii() and value.isprintable() and " " not in value
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(
            f"{variable}: is no proxy's address; write http://HOST:PORT, or name the server in "
            "NO_PROXY"
        )
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ConfigError(
            f"{variable}: names a SOCKS proxy, which needs a library; run: pip install "
            "'httpx[socks]', or name the server in NO_PROXY"
        )
    return address


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
