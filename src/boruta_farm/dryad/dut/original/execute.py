"""``dut_exec.sh WORD ...``: a command on the device."""

from boruta_farm.dryad.dut.call import UsageError
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.original.device import quoted, run_there


def operate(_name: str, words: list[str]) -> int:
    """Run the words as the device's shell reads them; 0 when it could be run, whatever it said."""
    if not words:
        raise UsageError("which command? dut_exec.sh WORD ...")
    run_there(f"sh -c {quoted([' '.join(words)])}; exit 0")
    return Status.DONE
