"""All targets by name."""

from tests.fuzz import files, media, texts, wires
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (*texts.TARGETS, *files.TARGETS, *wires.TARGETS, *media.TARGETS)
}
