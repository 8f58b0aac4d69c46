"""What the holder of a board is told: that somebody asks for it, or that he does not use it."""

from boruta_farm.model.request import Request
from boruta_farm.words.times import Times


def question(request: Request, board: str) -> str:
    """Say who asks for a board, as its holder is told."""
    who = request.nudged_by or "somebody"
    return f"{who} asks whether {board} is still needed; to give it back: boruta close {request.id}"


def asked(request: Request, times: Times) -> str | None:
    """Say when the present holder was asked, and by whom; None where nobody did."""
    if request.nudged_at is None or request.live_job is None:
        return None
    if request.nudged_at < request.live_job.granted:
        return None
    by = f" by {request.nudged_by}" if request.nudged_by else ""
    return f"at {times.moment(request.nudged_at)}{by}, whether it is still needed"


def unused(request: Request, board: str, times: Times) -> str | None:
    """Say when a board is taken that nobody uses; None where that is not to be."""
    if request.idle_ends is None or request.live_job is None:
        return None
    return (
        f"somebody waits for {board}, which is not used: it is given back at "
        f"{times.moment(request.idle_ends)}; a line typed there keeps it"
    )
