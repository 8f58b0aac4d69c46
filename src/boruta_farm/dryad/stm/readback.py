"""One more method of our service: what relay and card are. The original's daemon lacks it."""

from dataclasses import dataclass
from typing import Final

from boruta_farm.gorpc.rpc import RpcMethod
from boruta_farm.gorpc.schema import BOOL, STRING, Empty, GoField, GoStruct


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBackReply:
    """Tell what the controller has: whether the relay is on, and who has the card."""

    power: bool
    card: str


READ_BACK: Final = RpcMethod(
    name="Interface.ReadBack",
    argument=GoStruct(name="InterfaceReadBackRequest", record=Empty),
    reply=GoStruct(
        name="InterfaceReadBackResponse",
        record=ReadBackReply,
        fields=(
            GoField(name="Power", attribute="power", schema=BOOL),
            GoField(name="Card", attribute="card", schema=STRING),
        ),
    ),
)
UNKNOWN_METHOD: Final = "rpc: can't find method"
"""How net/rpc, Go's and ours, answers for a method that it lacks."""
