"""Settings of the SSH front door."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from boruta_farm import __version__
from boruta_farm.model.front_door import DoorSettings
from boruta_farm.model.settings import FarmSettings
from boruta_farm.selectors.wanted import KINDS
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Duration, Maybe, Named, Several, Switch, Text
from boruta_farm.settings.places import Address, Location
from boruta_farm.settings.table import SettingError

FARM = FarmSettings()


@dataclass(frozen=True, kw_only=True)
class FrontDoorSettings:
    """Carry where the front door listens, whom it knows, and how long it keeps a board."""

    ssh_addr: tuple[str, int] | None = setting(
        Maybe(Address()),
        "Where the SSH front door listens, usually port 8022, for ssh -J FARM:8022 rpi4. Empty: "
        "nowhere. It is a process of its own, started by the server.",
        default=None,
    )
    start_door: bool = setting(
        Switch(),
        "Start the front door where ssh_addr says; false where it is a unit of its own.",
        default=True,
    )
    ssh_linger: timedelta = setting(
        Duration(),
        "How long a board that was reached by the front door is kept for the same person after his "
        "last connection is gone.",
        default=timedelta(seconds=60),
    )
    ssh_read_by_farm: bool = setting(
        Switch(),
        "Let boards be reached as ssh rpi4@FARM, too, for tools that know no jump: what passes "
        "there can be read by the farm.",
        default=True,
    )
    ssh_user_ca: Path | None = setting(
        Maybe(Location()),
        "A file of public keys, one a line, of SSH authorities whose certificates sign people in "
        "at the front door. Read anew when it changes. Empty: no certificate does.",
        default=None,
    )
    ssh_user_revoked: Path | None = setting(
        Maybe(Location()),
        "A file of what those authorities have taken back: lines such as serial: 7, serial: 10-20, "
        "id: ann-laptop, or a public key; or the binary list of ssh-keygen -k. Read anew when it "
        "changes; while it cannot be read, no certificate signs in.",
        default=None,
    )
    ssh_principals: Mapping[str, str] = setting(
        Named(Text(), commas=True),
        "Which accounts the principals of such certificates are: PRINCIPAL=ACCOUNT, separated by "
        "commas. Empty: a principal is the name of an account; else only what stands here counts.",
        make=dict,
    )
    end_removed_keys: bool = setting(
        Switch(),
        "End what an SSH key has opened, connections and jobs that are its own, when it is taken "
        "off its account, or its certificate is revoked or over; else it only opens nothing more.",
        default=FARM.end_removed_keys,
    )
    want_kinds: tuple[str, ...] = setting(
        Several(Text(), commas=True),
        "Capabilities, separated by commas, whose values say what kind of board it is, for those "
        "who ask the front door for one by a word: ssh -J FARM:8022 rpi4.",
        default=KINDS,
    )

    def check_authorities(self) -> None:
        """Refuse what belongs to an SSH authority where there is none. Raises SettingError."""
        if self.ssh_user_ca is None and (self.ssh_user_revoked or self.ssh_principals):
            raise SettingError(
                "belongs to ssh_user_ca, which is not set",
                "ssh_user_revoked" if self.ssh_user_revoked else "ssh_principals",
            )

    def door_settings(self, reach: str) -> DoorSettings:
        """Return what the front door is told; ``reach`` is where it finds the tunnels."""
        return DoorSettings(
            linger=self.ssh_linger,
            kinds=self.want_kinds,
            read_by_farm=self.ssh_read_by_farm,
            end_removed=self.end_removed_keys,
            reach=reach,
            version=__version__,
        )
