"""What ``dut`` on a board is asked to do by others than those at its shell, and what it answers."""

from dataclasses import dataclass
from typing import Annotated

from boruta_farm.model.declared import Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCall:
    """Carry one act of a tool."""

    words: Annotated[
        tuple[str, ...], Shown("Words", "what follows `dut`, such as `power`, `on`")
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAnswer:
    """Carry what ``dut`` said; ``status`` is its exit status, ``picture`` a JPEG or PNG."""

    status: Annotated[int, Shown("Status", "its exit status, 0: done")]
    output: Annotated[str, Shown("Output", "what it printed")]
    error: Annotated[str, Shown("Error", "what it said of itself")]
    picture: Annotated[
        str | None, Shown("Picture", "what `screen snap` took, as a data URL; then no Output")
    ] = None
