"""``dut press [NAME] [1s]``."""

from boruta_farm.dryad.dut.call import ask
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.words import one_name, seconds, show_json


def operate(_verb: str, words: list[str], *, json: bool) -> int:
    """Press a button for as long as is written, else as its table says."""
    arguments: dict[str, object] = {}
    if words and (hold := seconds(words[-1])) is not None:
        words = words[:-1]
        arguments["hold"] = hold
    answer = ask("button.press", one_name(words), **arguments)
    if json:
        show_json(answer)
    return Status.DONE
