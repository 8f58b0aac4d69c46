"""A command of the lab's whose input and output are the console."""

import contextlib
import os
import pty
import signal
import subprocess
import termios
import tty
from collections.abc import Mapping, Sequence

from boruta_farm.dryad.tools.console.file_port import FilePort


class CommandPort(FilePort):
    """Hold a running program; it has a raw terminal, so it holds nothing back."""

    def __init__(self, file: int, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(file)
        self._process = process

    def close(self) -> None:
        """End the program with all its children in its session."""
        super().close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def open_command(words: Sequence[str], environment: Mapping[str, str]) -> CommandPort:
    """Start the program. Raises OSError."""
    ours, theirs = pty.openpty()
    try:
        tty.setraw(theirs, termios.TCSANOW)
        os.set_inheritable(ours, False)
        process = subprocess.Popen(
            words,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            cwd="/",
            env=dict(environment),
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return CommandPort(ours, process)
