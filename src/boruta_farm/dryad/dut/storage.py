"""``dut storage supervisor|dut|state [NAME]``."""

from boruta_farm.dryad.dut.call import UsageError, ask, printable
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.words import one_name, show_json

SIDES = ("supervisor", "dut")


def operate(_verb: str, words: list[str], *, json: bool) -> int:
    """Give a card, stick or other medium to one side, or tell who holds it."""
    act, *rest = words or ["state"]
    if act not in (*SIDES, "state"):
        raise UsageError(f"{act!r} is no side; write {', '.join(SIDES)}, or state")
    name = one_name(rest)
    answer = ask("storage.give", name, to=act) if act in SIDES else ask("storage.state", name)
    if json:
        show_json(answer)
    elif "words" in answer:
        print(printable(str(answer["words"])))
    return Status.DONE
