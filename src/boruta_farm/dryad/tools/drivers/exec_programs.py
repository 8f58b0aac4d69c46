"""The commands of a tool of ``exec``, run."""

from collections.abc import Mapping
from dataclasses import dataclass

from boruta_farm.dryad.tools.base import Bench, Tool
from boruta_farm.dryad.tools.drivers.exec_settings import ExecSettings
from boruta_farm.dryad.tools.programs import Words, succeed


@dataclass(frozen=True, slots=True)
class Programs:
    """Run the commands of one tool, each with the board's and the tool's name in variables."""

    settings: ExecSettings
    bench: Bench

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables of every command."""
        names = {"BORUTA_BOARD": self.bench.uuid, "BORUTA_NAME": self.bench.board}
        return {**self.settings.environment, **names, "BORUTA_TOOL": self.bench.tool}

    async def succeed(self, words: Words | None, *more: str, kept: int = 65536) -> bytes:
        """Run a command that must succeed and return its output; one that is left out does."""
        if words is None:
            return b""
        limit = self.settings.timeout
        return (await succeed((*words, *more), limit, self.environment, kept=kept)).output


class ExecTool(Tool):
    """Keep the commands of a tool."""

    def __init__(self, programs: Programs) -> None:
        self.kind = programs.settings.kind
        self.programs = programs
        self.settings = programs.settings
