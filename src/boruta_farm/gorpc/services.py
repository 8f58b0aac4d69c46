"""The three services of the original system: arguments, replies, methods, as both ends know them.

``Superviser`` is served by Boruta, ``Dryad`` by the agent on the board, ``Interface`` by the
service in front of a MuxPi's controller. The spellings are the contract.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from boruta_farm.gorpc.keys import Ed25519PublicKey, PublicKey, RSAPublicKey
from boruta_farm.gorpc.rpc import Method
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
    Field,
    Interface,
    Map,
    Named,
    Slice,
    Struct,
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


_RSA_KEY: Final = Struct(
    name="rsaPublicKey",
    record=RSAPublicKey,
    fields=(
        Field(name="N", attribute="modulus", schema=BIG_INT),
        Field(name="E", attribute="exponent", schema=INT),
    ),
)
_ED25519_KEY: Final = Named(record=Ed25519PublicKey, attribute="data", schema=BYTES)

# The names under which the original registers the key types; no other key can travel.
PUBLIC_KEY: Final = Interface(
    concretes=(
        Concrete(name="*ssh.rsaPublicKey", record=RSAPublicKey, schema=_RSA_KEY),
        Concrete(
            name="golang.org/x/crypto/ssh.ed25519PublicKey",
            record=Ed25519PublicKey,
            schema=_ED25519_KEY,
        ),
    )
)

REGISTER: Final = Method(
    name="Superviser.Register",
    argument=Struct(
        name="SuperviserRegisterRequest",
        record=RegisterRequest,
        fields=(
            Field(
                name="Caps",
                attribute="capabilities",
                schema=Map(name="Capabilities", key=STRING, element=STRING),
            ),
            Field(name="DryadAddress", attribute="dryad_address", schema=STRING),
            Field(name="SshAddress", attribute="ssh_address", schema=STRING),
        ),
    ),
    reply=Struct(name="SuperviserRegisterResponse", record=Empty),
)
SET_FAIL: Final = Method(
    name="Superviser.SetFail",
    argument=Struct(
        name="SuperviserSetFailRequest",
        record=SetFailRequest,
        fields=(
            Field(name="Uuid", attribute="uuid", schema=STRING),
            Field(name="Reason", attribute="reason", schema=STRING),
        ),
    ),
    reply=Struct(name="SuperviserSetFailResponse", record=Empty),
)

PUT_IN_MAINTENANCE: Final = Method(
    name="Dryad.PutInMaintenance",
    argument=Struct(
        name="DryadPutInMaintenanceRequest",
        record=PutInMaintenanceRequest,
        fields=(Field(name="Msg", attribute="message", schema=STRING),),
    ),
    reply=Struct(name="DryadPutInMaintenanceResponse", record=Empty),
)
PREPARE: Final = Method(
    name="Dryad.Prepare",
    argument=Struct(
        name="DryadPrepareRequest",
        record=PrepareRequest,
        fields=(Field(name="Key", attribute="key", schema=PUBLIC_KEY),),
    ),
    reply=Struct(name="DryadPrepareResponse", record=Empty),
)
HEALTHCHECK: Final = Method(
    name="Dryad.Healthcheck",
    argument=Struct(name="DryadHealthcheckRequest", record=Empty),
    reply=Struct(name="DryadHealthcheckResponse", record=Empty),
)


def _plain(name: str) -> Method[Empty, Empty]:
    return Method(
        name=f"Interface.{name}",
        argument=Struct(name=f"Interface{name}Request", record=Empty),
        reply=Struct(name=f"Interface{name}Response", record=Empty),
    )


DUT: Final = _plain("DUT")
TS: Final = _plain("TS")
STOP_CURRENT_RECORD: Final = _plain("StopCurrentRecord")
CLEAR_DISPLAY: Final = _plain("ClearDisplay")
POWER_TICK: Final = Method(
    name="Interface.PowerTick",
    argument=Struct(
        name="InterfacePowerTickRequest",
        record=PowerTickRequest,
        fields=(Field(name="D", attribute="nanoseconds", schema=INT),),
    ),
    reply=Struct(name="InterfacePowerTickResponse", record=Empty),
)
GET_CURRENT: Final = Method(
    name="Interface.GetCurrent",
    argument=Struct(name="InterfaceGetCurrentRequest", record=Empty),
    reply=Struct(
        name="InterfaceGetCurrentResponse",
        record=CurrentReply,
        fields=(Field(name="Value", attribute="milliamperes", schema=INT),),
    ),
)
START_CURRENT_RECORD: Final = Method(
    name="Interface.StartCurrentRecord",
    argument=Struct(
        name="InterfaceStartCurrentRecordRequest",
        record=StartCurrentRecordRequest,
        fields=(
            Field(name="Samples", attribute="samples", schema=INT),
            Field(name="Interval", attribute="nanoseconds", schema=INT),
        ),
    ),
    reply=Struct(name="InterfaceStartCurrentRecordResponse", record=Empty),
)
GET_CURRENT_RECORD: Final = Method(
    name="Interface.GetCurrentRecord",
    argument=Struct(name="InterfaceGetCurrentRecordRequest", record=Empty),
    reply=Struct(
        name="InterfaceGetCurrentRecordResponse",
        record=CurrentRecordReply,
        fields=(
            Field(name="Samples", attribute="samples", schema=Slice(name="[]int", element=INT)),
        ),
    ),
)
HDMI: Final = Method(
    name="Interface.HDMI",
    argument=Struct(
        name="InterfaceHDMIRequest",
        record=HDMIRequest,
        fields=(Field(name="On", attribute="on", schema=BOOL),),
    ),
    reply=Struct(name="InterfaceHDMIResponse", record=Empty),
)
SET_DYPER: Final = Method(
    name="Interface.SetDyper",
    argument=Struct(
        name="InterfaceSetDyperRequest",
        record=SetDyPerRequest,
        fields=(
            Field(name="Dyper", attribute="dyper", schema=STRING),
            Field(name="On", attribute="on", schema=BOOL),
        ),
    ),
    reply=Struct(name="InterfaceSetDyperResponse", record=Empty),
)
SET_LED: Final = Method(
    name="Interface.SetLED",
    argument=Struct(
        name="InterfaceSetLEDRequest",
        record=SetLEDRequest,
        fields=(
            Field(name="Led", attribute="led", schema=STRING),
            Field(name="R", attribute="red", schema=UINT8),
            Field(name="G", attribute="green", schema=UINT8),
            Field(name="B", attribute="blue", schema=UINT8),
        ),
    ),
    reply=Struct(name="InterfaceSetLEDResponse", record=Empty),
)
PRINT_TEXT: Final = Method(
    name="Interface.PrintText",
    argument=Struct(
        name="InterfacePrintTextRequest",
        record=PrintTextRequest,
        fields=(
            Field(name="X", attribute="x", schema=UINT),
            Field(name="Y", attribute="y", schema=UINT),
            Field(name="Color", attribute="color", schema=STRING),
            Field(name="Text", attribute="text", schema=STRING),
        ),
    ),
    reply=Struct(name="InterfacePrintTextResponse", record=Empty),
)
