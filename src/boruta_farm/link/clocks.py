"""How a board's clock that is wrong is told."""

REMEDY = "set it by a time server: timedatectl set-ntp true, or UDP port 123 to one"


def apart(ahead: float) -> str:
    """Return in words by how many seconds a board's clock is ahead of the farm's time."""
    seconds = round(abs(ahead))
    return f"{seconds} s {'ahead of' if ahead > 0 else 'behind'} the farm's; {REMEDY}"
