"""``stm [OPTION ...]``: the options go to the agent, which knows them, as they are."""

import io
import sys
from typing import Final

from boruta_farm.dryad.dut.call import DutConversation, DutError
from boruta_farm.dryad.dut.frames import Status

TOOL: Final = "stm"
"""The name of the tool that is the whole controller."""

LACKING: Final = (
    'it needs the table [tools.stm] with driver = "stm", part = "controller", arguments = true; '
    "dut shows what this board has"
)


def operate(_name: str, words: list[str]) -> int:
    """Have them carried out; what is said of wrong ones belongs on standard error."""
    said = io.BytesIO()
    try:
        answer = DutConversation("do.perform", TOOL, words=words).finish(said)
    except DutError as error:
        lacks = f"no tool {TOOL!r}" in str(error)
        told = f"{error}; {LACKING}" if lacks else str(error)
        raise DutError(Status.FAILED, told) from None
    status = int(answer["exit_status"])
    stream = sys.stderr if status else sys.stdout
    stream.write(said.getvalue().decode(errors="replace"))
    return status
