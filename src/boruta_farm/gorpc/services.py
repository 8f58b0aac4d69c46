"""The three services of the original system: arguments, replies, methods, as both ends know them.

``Superviser`` is served by Boruta, ``Dryad`` by the agent on the board, ``Interface`` by the
service in front of a MuxPi's controller. The spellings are the contract.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from boruta_farm.gorpc.keys import Ed25519PublicKey, PublicKey, RSAPublicKey
from boruta_farm.gorpc.rpc import RpcMethod
from boruta_farm.gorpc.schema import (
    BIG_INT,
    BOOL,
    BYTES,
    INT,
    STRING,
    UINT,
    UINT8,
    Concrete,
    Empty,
    GoField,
    GoInterface,
    GoNamed,
    GoStruct,
    Map,
    Slice,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRequest:
    """Announce a board: its capabilities and where its agent and its SSH server listen.

    An address without a host means the one the connection comes from.
    """

    capabilities: Mapping[str, str] = field(default_factory=dict)
    dryad_address: str
    ssh_address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFailRequest:
    """Report a board as broken."""

    uuid: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutInMaintenanceRequest:
    """Show this message on the board."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareRequest:
    """Renew the session user and let this key in; without a key the agent answers an error."""

    key: PublicKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerTickRequest:
    """Cut the power of the device under test for this long."""

    nanoseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentReply:
    """Tell the current in mA."""

    milliamperes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCurrentRecordRequest:
    """Record this many samples, spread over the whole time given."""

    samples: int
    nanoseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentRecordReply:
    """Tell the samples so far in mA; a failed reading is -1."""

    samples: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HDMIRequest:
    """Set the HDMI hot-plug pin."""

    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDyPerRequest:
    """Switch a relay, named ``dyper 1`` or ``dyper 2``."""

    dyper: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLEDRequest:
    """Set the colour, 0 to 255 each, of the LED ``1`` or ``2``."""

    led: str
    red: int
    green: int
    blue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintTextRequest:
    """Print on the display, x in pixels, y in rows of 8 pixels."""

    x: int
    y: int
    color: str
    text: str


_RSA_KEY: Final = GoStruct(
    name="rsaPublicKey",
    record=RSAPublicKey,
    fields=(
        GoField(name="N", attribute="modulus", schema=BIG_INT),
        GoField(name="E", attribute="exponent", schema=INT),
    ),
)
_ED25519_KEY: Final = GoNamed(record=Ed25519PublicKey, attribute="data", schema=BYTES)

# The names under which the original registers the key types; no other key can travel.
PUBLIC_KEY: Final = GoInterface(
    concretes=(
        Concrete(name="*ssh.rsaPublicKey", record=RSAPublicKey, schema=_RSA_KEY),
        Concrete(
            name="golang.org/x/crypto/ssh.ed25519PublicKey",
            record=Ed25519PublicKey,
            schema=_ED25519_KEY,
        ),
    )
)

REGISTER: Final = RpcMethod(
    name="Superviser.Register",
    argument=GoStruct(
        name="SuperviserRegisterRequest",
        record=RegisterRequest,
        fields=(
            GoField(
                name="Caps",
                attribute="capabilities",
                schema=Map(name="Capabilities", key=STRING, element=STRING),
            ),
            GoField(name="DryadAddress", attribute="dryad_address", schema=STRING),
            GoField(name="SshAddress", attribute="ssh_address", schema=STRING),
        ),
    ),
    reply=GoStruct(name="SuperviserRegisterResponse", record=Empty),
)
SET_FAIL: Final = RpcMethod(
    name="Superviser.SetFail",
    argument=GoStruct(
        name="SuperviserSetFailRequest",
        record=SetFailRequest,
        fields=(
            GoField(name="Uuid", attribute="uuid", schema=STRING),
            GoField(name="Reason", attribute="reason", schema=STRING),
        ),
    ),
    reply=GoStruct(name="SuperviserSetFailResponse", record=Empty),
)

PUT_IN_MAINTENANCE: Final = RpcMethod(
    name="Dryad.PutInMaintenance",
    argument=GoStruct(
        name="DryadPutInMaintenanceRequest",
        record=PutInMaintenanceRequest,
        fields=(GoField(name="Msg", attribute="message", schema=STRING),),
    ),
    reply=GoStruct(name="DryadPutInMaintenanceResponse", record=Empty),
)
PREPARE: Final = RpcMethod(
    name="Dryad.Prepare",
    argument=GoStruct(
        name="DryadPrepareRequest",
        record=PrepareRequest,
        fields=(GoField(name="Key", attribute="key", schema=PUBLIC_KEY),),
    ),
    reply=GoStruct(name="DryadPrepareResponse", record=Empty),
)
HEALTHCHECK: Final = RpcMethod(
    name="Dryad.Healthcheck",
    argument=GoStruct(name="DryadHealthcheckRequest", record=Empty),
    reply=GoStruct(name="DryadHealthcheckResponse", record=Empty),
)


def _plain(name: str) -> RpcMethod[Empty, Empty]:
    return RpcMethod(
        name=f"Interface.{name}",
        argument=GoStruct(name=f"Interface{name}Request", record=Empty),
        reply=GoStruct(name=f"Interface{name}Response", record=Empty),
    )


DUT: Final = _plain("DUT")
TS: Final = _plain("TS")
STOP_CURRENT_RECORD: Final = _plain("StopCurrentRecord")
CLEAR_DISPLAY: Final = _plain("ClearDisplay")
POWER_TICK: Final = RpcMethod(
    name="Interface.PowerTick",
    argument=GoStruct(
        name="InterfacePowerTickRequest",
        record=PowerTickRequest,
        fields=(GoField(name="D", attribute="nanoseconds", schema=INT),),
    ),
    reply=GoStruct(name="InterfacePowerTickResponse", record=Empty),
)
GET_CURRENT: Final = RpcMethod(
    name="Interface.GetCurrent",
    argument=GoStruct(name="InterfaceGetCurrentRequest", record=Empty),
    reply=GoStruct(
        name="InterfaceGetCurrentResponse",
        record=CurrentReply,
        fields=(GoField(name="Value", attribute="milliamperes", schema=INT),),
    ),
)
START_CURRENT_RECORD: Final = RpcMethod(
    name="Interface.StartCurrentRecord",
    argument=GoStruct(
        name="InterfaceStartCurrentRecordRequest",
        record=StartCurrentRecordRequest,
        fields=(
            GoField(name="Samples", attribute="samples", schema=INT),
            GoField(name="Interval", attribute="nanoseconds", schema=INT),
        ),
    ),
    reply=GoStruct(name="InterfaceStartCurrentRecordResponse", record=Empty),
)
GET_CURRENT_RECORD: Final = RpcMethod(
    name="Interface.GetCurrentRecord",
    argument=GoStruct(name="InterfaceGetCurrentRecordRequest", record=Empty),
    reply=GoStruct(
        name="InterfaceGetCurrentRecordResponse",
        record=CurrentRecordReply,
        fields=(
            GoField(name="Samples", attribute="samples", schema=Slice(name="[]int", element=INT)),
        ),
    ),
)
HDMI: Final = RpcMethod(
    name="Interface.HDMI",
    argument=GoStruct(
        name="InterfaceHDMIRequest",
        record=HDMIRequest,
        fields=(GoField(name="On", attribute="on", schema=BOOL),),
    ),
    reply=GoStruct(name="InterfaceHDMIResponse", record=Empty),
)
SET_DYPER: Final = RpcMethod(
    name="Interface.SetDyper",
    argument=GoStruct(
        name="InterfaceSetDyperRequest",
        record=SetDyPerRequest,
        fields=(
            GoField(name="Dyper", attribute="dyper", schema=STRING),
            GoField(name="On", attribute="on", schema=BOOL),
        ),
    ),
    reply=GoStruct(name="InterfaceSetDyperResponse", record=Empty),
)
SET_LED: Final = RpcMethod(
    name="Interface.SetLED",
    argument=GoStruct(
        name="InterfaceSetLEDRequest",
        record=SetLEDRequest,
        fields=(
            GoField(name="Led", attribute="led", schema=STRING),
            GoField(name="R", attribute="red", schema=UINT8),
            GoField(name="G", attribute="green", schema=UINT8),
            GoField(name="B", attribute="blue", schema=UINT8),
        ),
    ),
    reply=GoStruct(name="InterfaceSetLEDResponse", record=Empty),
)
PRINT_TEXT: Final = RpcMethod(
    name="Interface.PrintText",
    argument=GoStruct(
        name="InterfacePrintTextRequest",
        record=PrintTextRequest,
        fields=(
            GoField(name="X", attribute="x", schema=UINT),
            GoField(name="Y", attribute="y", schema=UINT),
            GoField(name="Color", attribute="color", schema=STRING),
            GoField(name="Text", attribute="text", schema=STRING),
        ),
    ),
    reply=GoStruct(name="InterfacePrintTextResponse", record=Empty),
)
