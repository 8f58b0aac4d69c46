"""The settings of ``exec``: a command for each verb of the kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.programs import Command, Words
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe, Named, OneLine, OneOf, Seconds, Text
from boruta_farm.settings.table import SettingError

LONGEST: Final = 86400.0


def _command(words: str) -> Any:
    return setting(Maybe(Command()), words, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSettings:
    """Say what the tool is and which commands operate it; a verb's setting bears its name."""

    kind: Kind = setting(
        OneOf(Kind), "What the tool is: power, console, storage, button, do, video, usb or net."
    )
    on: Words | None = _command("Power: gives it.")
    off: Words | None = _command("Power: takes it away.")
    cycle: Words | None = _command("Power: takes it away and gives it; else off, pause, on.")
    state: Words | None = _command("Power: prints on or off; without it, no reset is proved.")
    connect: Words | None = _command(
        "Console: runs as long as the agent does; its input and output are the console. Net: is "
        "run for each connection, with the port's name added; its input and output are the port's."
    )
    write: Words | None = _command(
        "Storage: writes the image that is its standard input, or the file {image} in its words."
    )
    read: Words | None = _command(
        "Storage: prints the content; without it, what was written is not read back."
    )
    to_supervisor: Words | None = _command("Storage: gives the medium to the supervisor.")
    to_dut: Words | None = _command("Storage: gives it to the device.")
    press: Words | None = _command("Button: presses it; it stays pressed.")
    release: Words | None = _command("Button: lets it go.")
    run: Words | None = _command("Do: what users start by the tool's name.")
    snapshot: Words | None = _command("Video: prints one picture, JPEG or PNG.")
    list: Words | None = _command("USB: prints a line a device, BUS_ID VENDOR:PRODUCT NAME.")
    export: Words | None = _command("USB: lends the device whose BUS_ID is added to it.")
    withdraw: Words | None = _command(
        "USB: takes the device back whose BUS_ID is added to it. Net: takes all published files "
        "back and prints a line a name."
    )
    publish: Words | None = _command(
        "Net: serves the file that is its standard input, under the name that is added to it, and "
        "prints its address; withdraw has to take it back."
    )
    ports: Mapping[str, str] = setting(
        Named(OneLine(200)),
        'Net: the device\'s ports by name, and where each leads, in words; "root@dut" of a port '
        "called ssh names the user.",
        make=dict,
    )
    timeout: float = setting(
        Seconds(1, LONGEST), "Seconds that each command may take.", default=25.0
    )
    write_timeout: float = setting(
        Seconds(1, LONGEST), "Seconds that write and read may take.", default=3600.0
    )
    environment: Mapping[str, str] = setting(
        Named(Text()), "Variables for all its commands.", make=dict
    )

    def check(self) -> None:
        """Refuse a kind without its commands, or with another's. Raises SettingError."""
        for verb in NEEDED[self.kind]:
            if getattr(self, verb) is None:
                raise SettingError(f"is missing: a tool of the kind {self.kind} needs it", verb)
        if self.kind is Kind.NET and self.publish and not self.withdraw:
            raise SettingError("is missing: what is published has to be taken back", "withdraw")
        if (self.kind is Kind.NET) is not bool(self.ports):
            raise SettingError("belong to a tool of the kind net, which needs them", "ports")
        own = {*NEEDED[self.kind], *OPTIONAL.get(self.kind, ())}
        for verb in VERBS:
            if verb not in own and getattr(self, verb) is not None:
                raise SettingError(
                    f"is no verb of the kind {self.kind}; it has {', '.join(sorted(own))}", verb
                )


NEEDED: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.POWER: ("on", "off"),
    Kind.CONSOLE: ("connect",),
    Kind.STORAGE: ("write",),
    Kind.BUTTON: ("press", "release"),
    Kind.DO: ("run",),
    Kind.VIDEO: ("snapshot",),
    Kind.USB: ("list",),
    Kind.NET: ("connect",),
}
OPTIONAL: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.POWER: ("cycle", "state"),
    Kind.STORAGE: ("read", "to_supervisor", "to_dut"),
    Kind.USB: ("export", "withdraw"),
    Kind.NET: ("publish", "withdraw"),
}
VERBS: Final = tuple(
    dict.fromkeys(
        verb for table in (NEEDED, OPTIONAL) for verbs in table.values() for verb in verbs
    )
)
