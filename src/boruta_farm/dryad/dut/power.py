"""``dut power on|off|cycle|state [NAME]``."""

from boruta_farm.dryad.dut.call import UsageError, ask, printable
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.words import one_name, seconds, show_json

ACTS = ("on", "off", "cycle", "state")


def operate(_verb: str, words: list[str], *, json: bool) -> int:
    """Switch, or read; ``cycle`` takes how long the power is away, such as 5s."""
    act, *rest = words or ["state"]
    if act not in ACTS:
        raise UsageError(f"{act!r} is nothing that power does; it does {', '.join(ACTS)}")
    arguments: dict[str, object] = {}
    if act == "cycle" and rest and (pause := seconds(rest[-1])) is not None:
        rest.pop()
        arguments["pause"] = pause
    answer = ask(f"power.{act}", one_name(rest), **arguments)
    if json:
        show_json(answer)
    elif act == "state":
        print(printable(str(answer["words"])))
    return Status.DONE
