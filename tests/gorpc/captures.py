"""The recorded conversations, and the types of what is in them."""

from dataclasses import dataclass
from pathlib import Path

from boruta_farm.gorpc import services
from boruta_farm.gorpc.rpc import RpcMethod

DATA = Path(__file__).parents[1] / "data" / "gorpc"
NAMES = sorted(path.stem for path in DATA.glob("*.hex"))

METHODS: dict[str, RpcMethod[object, object]] = {
    value.name: value for value in vars(services).values() if isinstance(value, RpcMethod)
}
_HEALTHCHECK = METHODS["Dryad.Healthcheck"]
# What the recorded clients called although no server has it.
_MISSING: dict[str, RpcMethod[object, object]] = {
    name: RpcMethod(name=name, argument=_HEALTHCHECK.argument, reply=_HEALTHCHECK.reply)
    for name in ("Dryad.Nope", "Healthcheck")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Hold both directions of a recorded connection."""

    requests: bytes
    replies: bytes


def load(name: str) -> Capture:
    """Read one recording."""
    joined = {"C>S": b"", "S>C": b""}
    for line in (DATA / f"{name}.hex").read_text().splitlines():
        direction, data = line.split()
        joined[direction] += bytes.fromhex(data)
    return Capture(requests=joined["C>S"], replies=joined["S>C"])


def called(name: str) -> RpcMethod[object, object]:
    """Return the method a recorded client meant, those no server has included."""
    return METHODS.get(name) or _MISSING[name]
