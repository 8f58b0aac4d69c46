"""The kinds by name: a new one, or more acts of one, needs a file in ``acts/`` and a line here."""

from collections.abc import Mapping
from typing import Final

from boruta_farm.dryad.tools.acts.button import BUTTON
from boruta_farm.dryad.tools.acts.console import CONSOLE
from boruta_farm.dryad.tools.acts.do import DO
from boruta_farm.dryad.tools.acts.net import NET
from boruta_farm.dryad.tools.acts.power import POWER
from boruta_farm.dryad.tools.acts.storage import STORAGE
from boruta_farm.dryad.tools.acts.usb import USB
from boruta_farm.dryad.tools.acts.video import VIDEO
from boruta_farm.dryad.tools.kind import Kind, ToolKind

KINDS: Final[Mapping[Kind, ToolKind]] = {
    each.kind: each for each in (POWER, CONSOLE, STORAGE, BUTTON, VIDEO, USB, NET, DO)
}
