"""The settings of ``qemu``: what the machine is, said once, by the tool that is its power."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from boruta_farm.dryad.tools.kind import Kind
from boruta_farm.dryad.tools.programs import Program, Words, find_program
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Blank, Maybe, OneOf, Several, Text, Whole
from boruta_farm.settings.places import Location
from boruta_farm.settings.table import SettingError

PROGRAM: Final = "qemu-system-arm"
BOOT_LOADER: Final = Path("/usr/lib/u-boot/qemu_arm/u-boot.bin")
"""Of Debian's package u-boot-qemu."""

KINDS: Final = (Kind.POWER, Kind.CONSOLE, Kind.STORAGE, Kind.BUTTON, Kind.VIDEO)

_NAME: Final = r"[A-Za-z0-9_.,=+-]+"
_FORM: Final = "must be a name as QEMU knows it"


@dataclass(frozen=True, slots=True, kw_only=True)
class QemuSettings:
    """Say which part of the machine the tool is; all of one board are parts of one machine."""

    kind: Kind = setting(
        OneOf(Kind),
        "What the tool is: power, console, storage (its card, in a USB reader), button (its reset) "
        "or video.",
        default=Kind.POWER,
    )
    size: int = setting(Whole(1, 1 << 20), "Storage: megabytes (MiB) of the card.", default=64)
    program: str | None = setting(
        Maybe(Program()), f"Power: the emulator; else {PROGRAM} of this machine.", default=None
    )
    machine: str = setting(
        Text(_NAME, _FORM), "Power: what is emulated, as QEMU's -M takes it.", default="virt"
    )
    memory: int = setting(Whole(1, 65536), "Power: megabytes (MiB) of memory.", default=128)
    firmware: Path = setting(
        Location(full=True), "Power: what the machine starts with.", default=BOOT_LOADER
    )
    display: str = setting(
        Blank(Text(_NAME, _FORM)),
        "Power: its display, as QEMU's -device takes it, such as VGA; without one, a tool of the "
        "kind video has nothing to show.",
        default="",
    )
    arguments: tuple[str, ...] = setting(
        Several(Text()), "Power: further arguments of QEMU's, such as a CPU.", default=()
    )

    def check(self) -> None:
        """Refuse what another tool of the machine has to say. Raises SettingError."""
        if self.kind not in KINDS:
            raise SettingError(f"a machine has none, only {', '.join(KINDS)}", "kind")
        for field in fields(self)[1:]:
            owner = Kind.STORAGE if field.name == "size" else Kind.POWER
            if self.kind is not owner and getattr(self, field.name) != field.default:
                raise SettingError(f"is said by the tool of the kind {owner}", field.name)

    def missing(self) -> str:
        """Return what the machine lacks to run here, in words; empty where it lacks nothing."""
        try:
            self.words("")
        except SettingError as wrong:
            return wrong.message
        return ""

    def words(self, board: str) -> Words:
        """Return QEMU's command, as far as the machine goes. Raises SettingError."""
        # What would tie QEMU to the agent's life must be there.
        find_program("setpriv")
        if not self.firmware.is_file():
            hint = " (Debian: apt install u-boot-qemu)" if self.firmware == BOOT_LOADER else ""
            raise SettingError(f"there is no file {self.firmware}{hint}", "firmware")
        words = [
            self.program or find_program(PROGRAM),
            "-name",
            f"guest={board.replace(',', ',,')}",
        ]
        words += ["-M", self.machine, "-m", f"{self.memory}M", "-bios", str(self.firmware)]
        words += ["-device", self.display] if self.display else []
        return (*words, *self.arguments)
