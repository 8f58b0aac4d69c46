"""Any argument and any reply of every method, for property tests."""

from typing import TypeAlias

from hypothesis import strategies as st
from tests.gorpc.captures import METHODS

from boruta_farm.gorpc import services
from boruta_farm.gorpc.decoder import Decoder
from boruta_farm.gorpc.encoder import Encoder
from boruta_farm.gorpc.keys import Ed25519PublicKey, PublicKey, RSAPublicKey
from boruta_farm.gorpc.parser import Decoded
from boruta_farm.gorpc.schema import Empty, GoStruct, T

Typed: TypeAlias = tuple[GoStruct[object], st.SearchStrategy[object]]

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
INT64 = st.integers(-(2**63), 2**63 - 1)
UINT8 = st.integers(0, 255)
UINT64 = st.integers(0, 2**64 - 1)
BOOL = st.booleans()
KEYS: st.SearchStrategy[PublicKey] = st.one_of(
    st.builds(
        RSAPublicKey,
        modulus=st.integers(1, 2**4096 - 1),
        exponent=st.integers(2, 2**63 - 1),
    ),
    st.builds(Ed25519PublicKey, data=st.binary(min_size=32, max_size=32)),
)
EMPTY = st.just(Empty())

_ARGUMENTS: dict[str, st.SearchStrategy[object]] = {
    "Superviser.Register": st.builds(
        services.RegisterRequest,
        capabilities=st.dictionaries(TEXT, TEXT, max_size=8),
        dryad_address=TEXT,
        ssh_address=TEXT,
    ),
    "Superviser.SetFail": st.builds(services.SetFailRequest, uuid=TEXT, reason=TEXT),
    "Dryad.PutInMaintenance": st.builds(services.PutInMaintenanceRequest, message=TEXT),
    "Dryad.Prepare": st.builds(services.PrepareRequest, key=st.none() | KEYS),
    "Interface.PowerTick": st.builds(services.PowerTickRequest, nanoseconds=INT64),
    "Interface.StartCurrentRecord": st.builds(
        services.StartCurrentRecordRequest, samples=INT64, nanoseconds=INT64
    ),
    "Interface.HDMI": st.builds(services.HDMIRequest, on=BOOL),
    "Interface.SetDyper": st.builds(services.SetDyPerRequest, dyper=TEXT, on=BOOL),
    "Interface.SetLED": st.builds(
        services.SetLEDRequest, led=TEXT, red=UINT8, green=UINT8, blue=UINT8
    ),
    "Interface.PrintText": st.builds(
        services.PrintTextRequest, x=UINT64, y=UINT64, color=TEXT, text=TEXT
    ),
}
_REPLIES: dict[str, st.SearchStrategy[object]] = {
    "Interface.GetCurrent": st.builds(services.CurrentReply, milliamperes=INT64),
    "Interface.GetCurrentRecord": st.builds(
        services.CurrentRecordReply, samples=st.lists(INT64, max_size=50).map(tuple)
    ),
}

ARGUMENTS: dict[str, Typed] = {
    name: (method.argument, _ARGUMENTS.get(name, EMPTY)) for name, method in METHODS.items()
}
REPLIES: dict[str, Typed] = {
    name: (method.reply, _REPLIES.get(name, EMPTY)) for name, method in METHODS.items()
}


_MODULUS = int.from_bytes(bytes(range(0xC0, 0x100)) * 4, "big") | 1
_UNICODE = "Gerät 3 \N{GREEK SMALL LETTER PI} \N{ROCKET}\n\x00"

# A handful of arguments for each method, the ends of every range among them.
SAMPLES: dict[str, tuple[object, ...]] = {
    "Superviser.Register": (
        services.RegisterRequest(dryad_address="", ssh_address=""),
        services.RegisterRequest(
            capabilities={"": "", "UUID": "e1d8bb68-3f1c-4a1e-9b53-3f54a8a3e0a1", "name": _UNICODE},
            dryad_address=":7175",
            ssh_address="[fe80::1]:22",
        ),
        services.RegisterRequest(
            capabilities={str(number): "x" * number for number in range(200)},
            dryad_address=":7175",
            ssh_address=":22",
        ),
    ),
    "Superviser.SetFail": (
        services.SetFailRequest(uuid="", reason=""),
        services.SetFailRequest(uuid="u", reason=_UNICODE),
    ),
    "Dryad.PutInMaintenance": (
        services.PutInMaintenanceRequest(message=""),
        services.PutInMaintenanceRequest(message="maintenance"),
        services.PutInMaintenanceRequest(message="x" * 60_000),
    ),
    "Dryad.Prepare": (
        services.PrepareRequest(key=None),
        services.PrepareRequest(key=Ed25519PublicKey(data=bytes(range(32)))),
        services.PrepareRequest(key=RSAPublicKey(modulus=_MODULUS, exponent=65537)),
        services.PrepareRequest(key=RSAPublicKey(modulus=3, exponent=2**31 - 1)),
    ),
    "Dryad.Healthcheck": (Empty(), Empty()),
    "Interface.DUT": (Empty(),),
    "Interface.TS": (Empty(),),
    "Interface.StopCurrentRecord": (Empty(),),
    "Interface.ClearDisplay": (Empty(),),
    "Interface.GetCurrent": (Empty(),),
    "Interface.GetCurrentRecord": (Empty(),),
    "Interface.PowerTick": tuple(
        services.PowerTickRequest(nanoseconds=each)
        for each in (0, 1, -1, 63, 64, -64, -65, 10**9, 2**63 - 1, -(2**63))
    ),
    "Interface.StartCurrentRecord": (
        services.StartCurrentRecordRequest(samples=0, nanoseconds=1),
        services.StartCurrentRecordRequest(samples=120, nanoseconds=60 * 10**9),
    ),
    "Interface.HDMI": (services.HDMIRequest(on=True), services.HDMIRequest(on=False)),
    "Interface.SetDyper": (
        services.SetDyPerRequest(dyper="dyper 1", on=True),
        services.SetDyPerRequest(dyper="dyper 2", on=False),
    ),
    "Interface.SetLED": (
        services.SetLEDRequest(led="1", red=0, green=0, blue=0),
        services.SetLEDRequest(led="2", red=255, green=128, blue=127),
    ),
    "Interface.PrintText": (
        services.PrintTextRequest(x=0, y=0, color="on", text="maintenance"),
        services.PrintTextRequest(x=2**32, y=2**64 - 1, color="", text=_UNICODE),
    ),
}


def roundtrip(schema: GoStruct[T], value: object) -> T:
    """Encode a value and decode it again."""
    decoder = Decoder()
    decoder.feed(Encoder().encode((schema, value)))
    decoded = decoder.next_value()
    assert isinstance(decoded, Decoded)
    assert not decoder.inside_value
    return decoder.bind(decoded, schema)
