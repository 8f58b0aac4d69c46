"""The device under test between two users: switched off, its card taken away, and looked at."""

from datetime import timedelta
from typing import Final

from boruta_farm.dryad.stm.errors import ControllerError
from boruta_farm.dryad.stm.interface import Interface
from boruta_farm.dryad.stm.values import Card, DyPer

_SHORTEST_RECORD: Final = timedelta(milliseconds=3)


async def reset(interface: Interface) -> tuple[str, ...]:
    """Cut the power, take the card, switch both dynamic peripherals and HDMI off, look again.

    The record of the current that the last user may have made is replaced by an empty one.
    Returns what the last user had left on. Raises ControllerError when something did not happen,
    as far as the controller can tell: HDMI and the peripherals cannot be read back at all.
    """
    found = await _left_on(interface)
    await interface.ts()
    await interface.hdmi(on=False)
    for dyper in DyPer:
        await interface.set_dyper(dyper, on=False)
    await interface.start_current_record(1, _SHORTEST_RECORD)
    await interface.stop_current_record()
    if left := await _left_on(interface):
        raise ControllerError(f"after the board's controller was told to reset: {', '.join(left)}")
    return found


async def _left_on(interface: Interface) -> tuple[str, ...]:
    """Return what is not as a fresh board has it."""
    state = await interface.read_back()
    if state is None:
        # A daemon of the original tells of the current alone, which is 0 without power.
        current = await interface.get_current()
        return (f"the device under test has power ({current} mA)",) if current else ()
    found = []
    if state.power:
        found.append("the device under test has power")
    if state.card is not Card.TS:
        found.append(f"the card is not at the supervisor ({state.card})")
    return tuple(found)
