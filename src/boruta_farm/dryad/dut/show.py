"""``dut`` alone: what this board has, and how it stands."""

from boruta_farm.dryad.dut.call import ask, printable
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.words import show_json

HEADINGS = ["NAME", "KIND", "STATE", "ABOUT"]


def operate(_verb: str, _words: list[str], *, json: bool) -> int:
    """Print a line for each tool."""
    answer = ask("list")
    if json:
        show_json(answer)
        return Status.DONE
    tools = answer["tools"]
    rows = [
        HEADINGS,
        *([t["name"], t["kind"], t["state"] or t["fault"], t["about"]] for t in tools),
    ]
    rows = [[printable(str(cell)) or "-" for cell in row] for row in rows]
    used = [place for place in range(4) if place < 2 or any(row[place] != "-" for row in rows[1:])]
    widths = {place: max(len(row[place]) for row in rows) for place in used}
    for row in rows:
        print("  ".join(row[place].ljust(widths[place]) for place in used).rstrip())
    return Status.DONE
