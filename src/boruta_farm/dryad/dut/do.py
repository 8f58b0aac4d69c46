"""``dut do NAME [WORD...]``."""

from boruta_farm.dryad.dut.call import DutConversation, UsageError, binary_output


def operate(_verb: str, words: list[str], *, json: bool) -> int:
    """Do what the admin has named; its output is ours, its exit status too."""
    if not words:
        raise UsageError("which one? dut alone shows what there is to do")
    name, *rest = words
    answer = DutConversation("do.perform", name, words=rest).finish(binary_output())
    return int(answer["exit_status"])
