"""The settings of ``http``, and the addresses of devices that are known."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Blank, OneOf, Seconds, Text, Whole
from boruta_farm.settings.places import Url
from boruta_farm.settings.table import SettingError

ADDRESS: Final = Blank(Text(r"https?://[!-~]+", "must be an address, such as http://10.0.0.7/on"))


class Device(StrEnum):
    """Devices whose addresses are known."""

    SHELLY = "shelly"
    SHELLY_GEN1 = "shelly-gen1"
    TASMOTA = "tasmota"
    OTHER = "other"


KNOWN: Final[Mapping[Device, Mapping[str, str]]] = {
    Device.SHELLY: {
        "on": "/rpc/Switch.Set?id={channel}&on=true",
        "off": "/rpc/Switch.Set?id={channel}&on=false",
        "state": "/rpc/Switch.GetStatus?id={channel}",
        "state_key": "output",
        "watts_key": "apower",
    },
    Device.SHELLY_GEN1: {
        "on": "/relay/{channel}?turn=on",
        "off": "/relay/{channel}?turn=off",
        "state": "/relay/{channel}",
        "state_key": "ison",
    },
    Device.TASMOTA: {
        "on": "/cm?cmnd=Power{channel}%20On",
        "off": "/cm?cmnd=Power{channel}%20Off",
        "state": "/cm?cmnd=Power{channel}",
        "state_key": "POWER, POWER{channel}",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Say which device it is, or an address for each verb."""

    kind: Kind = setting(OneOf(Kind), "What the tool is: power or button.", default=Kind.POWER)
    device: Device = setting(
        OneOf(Device),
        "A device whose addresses are known: shelly (second generation on), shelly-gen1, tasmota; "
        "or other.",
        default=Device.OTHER,
    )
    url: str = setting(
        Blank(Url()), "Where a known device is, such as http://10.0.0.7.", default=""
    )
    channel: int = setting(
        Whole(0, 99), "Which switch of a known device; Tasmota counts from 1.", default=0
    )
    on: str = setting(ADDRESS, "What gives power, or presses the button.", default="")
    off: str = setting(ADDRESS, "What takes it away, or lets the button go.", default="")
    state: str = setting(ADDRESS, "What tells whether there is power.", default="")
    state_key: str = setting(
        Text(),
        "Where the state stands in a JSON answer, such as status.relay; several with commas. "
        "Without it the answer's first word is the state.",
        default="",
    )
    watts_key: str = setting(Text(), "Where the watts stand in a JSON answer.", default="")
    user: str = setting(Text(), "Whom the device asks for.", default="")
    password: str = setting(
        Text(secret=True),
        "The user's password; then nobody else may read the file.",
        default="",
        hidden=True,
    )
    timeout: float = setting(Seconds(0.1, 20), "Seconds that the device may take.", default=5.0)

    def check(self) -> None:
        """Refuse what names no address. Raises SettingError."""
        if self.kind not in (Kind.POWER, Kind.BUTTON):
            raise SettingError("http makes none of these, only power, button", "kind")
        if self.device is Device.OTHER:
            for verb in ("on", "off"):
                if not getattr(self, verb):
                    raise SettingError("is missing: name an address, or a known device", verb)
        elif not self.url:
            raise SettingError(f"is missing: where is the {self.device}?", "url")

    def addresses(self) -> Mapping[str, str]:
        """Return address or key by verb: what is written wins over what is known of the device."""
        known = {
            name: (self.url if name in VERBS else "") + text.format(channel=self.channel)
            for name, text in KNOWN.get(self.device, {}).items()
        }
        own = {name: getattr(self, name) for name in (*VERBS, "state_key", "watts_key")}
        return {**known, **{name: text for name, text in own.items() if text}}


VERBS: Final = ("on", "off", "state")
