"""What happens in a history: drawn from one seed before it begins, so that it can be shrunk."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Verb(StrEnum):
    """What somebody does, or what breaks."""

    FILE = "file a request"
    CLOSE = "close a request"
    UPDATE = "change a request"
    PROLONG = "prolong a job"
    ACQUIRE = "ask for access"
    VISIT = "log in"
    LEAVE = "log out"
    KEEP = "renew KeepAlive"
    LOOK = "list, explain"
    IDLE = "put a board into service"
    ASIDE = "put a board into maintenance"
    LATER = "put a board into maintenance after its job"
    REMOVE = "deregister a board"
    CUT_BOTH = "cut the way between board and server"
    CUT_TO_BOARD = "let nothing pass to a board"
    CUT_TO_SERVER = "let nothing pass from a board"
    CUT_DATABASE = "cut a server off from the database"
    SLOW = "slow a board's network down"
    NOISE = "lose, repeat and reorder a board's frames"
    RESET = "break a board's connections"
    KILL_AGENT = "kill an agent"
    STOP_AGENT = "stop an agent (SIGSTOP)"
    REBOOT = "power-cycle a supervisor"
    FORGET = "lose an agent's state"
    CHANGE = "change a board's capabilities"
    BOARD_DISK = "fill a board's disk"
    MOOD = "let a board behave so"
    OUTCOME = "let flashing and booting come out so"
    REFUSE_KEYS = "let a board refuse keys"
    KILL_SERVER = "kill a server"
    KILL_IN_STEP = "kill a server after so many rounds of its loop"
    KILL_AT_COMMIT = "kill a server at a COMMIT"
    FAIL_COMMIT = "let a COMMIT fail"
    FAIL_AFTER_PREPARE = "let the COMMIT fail that follows a preparation"
    DISK_FULL = "fill a server's disk"
    STOP_SERVER = "stop a server (SIGSTOP)"
    KILL_RELAY = "kill a relay"
    CLOCK = "set a machine's clock"
    SLOW_READER = "follow events and read nothing"


PEOPLE = {
    Verb.FILE: 14, Verb.CLOSE: 5, Verb.UPDATE: 2, Verb.PROLONG: 3, Verb.ACQUIRE: 6,
    Verb.VISIT: 9, Verb.LEAVE: 1, Verb.KEEP: 1, Verb.LOOK: 2, Verb.IDLE: 7, Verb.ASIDE: 2,
    Verb.LATER: 1, Verb.REMOVE: 1,
}  # fmt: skip
FAULTS = {
    Verb.CUT_BOTH: 3, Verb.CUT_TO_BOARD: 3, Verb.CUT_TO_SERVER: 3, Verb.CUT_DATABASE: 2,
    Verb.SLOW: 2, Verb.NOISE: 3, Verb.RESET: 3, Verb.KILL_AGENT: 4, Verb.STOP_AGENT: 2,
    Verb.REBOOT: 3, Verb.FORGET: 1, Verb.CHANGE: 1, Verb.BOARD_DISK: 1, Verb.MOOD: 6,
    Verb.OUTCOME: 3, Verb.REFUSE_KEYS: 1, Verb.KILL_SERVER: 2, Verb.KILL_IN_STEP: 3,
    Verb.KILL_AT_COMMIT: 4, Verb.FAIL_COMMIT: 3, Verb.FAIL_AFTER_PREPARE: 2, Verb.DISK_FULL: 2,
    Verb.STOP_SERVER: 3, Verb.KILL_RELAY: 2, Verb.CLOCK: 2, Verb.SLOW_READER: 1,
}  # fmt: skip

GAPS = (0.0, 0.03, 0.2, 1.0, 1.0, 4.0, 7.0, 12.0, 35.0, 90.0)
LONG_GAPS = (300.0, 700.0)
SPANS = (0.3, 2.0, 4.0, 8.0, 20.0, 45.0, 120.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Do something to ``which`` of its kind, for ``span`` seconds where it lasts; ``choice`` tells
    what else there is to choose. ``gap`` seconds pass afterwards.
    """

    verb: Verb
    which: int
    choice: int
    span: float
    gap: float

    def __str__(self) -> str:
        """Return the step on one line."""
        return f"{self.verb.name} {self.which} {self.choice} {self.span:g} s, then {self.gap:g} s"


def draw(seed: int, count: int) -> tuple[Step, ...]:
    """Return a history's steps: some three in five are faults."""
    chance = Random(seed)
    people, faults = (
        (tuple(PEOPLE), tuple(PEOPLE.values())),
        (tuple(FAULTS), tuple(FAULTS.values())),
    )
    steps = []
    for _ in range(count):
        verbs, weights = faults if chance.random() < 0.6 else people
        gaps = LONG_GAPS if chance.random() < 0.02 else GAPS
        steps.append(
            Step(
                verb=chance.choices(verbs, weights)[0],
                which=chance.randrange(12),
                choice=chance.randrange(1000),
                span=chance.choice(SPANS),
                gap=chance.choice(gaps),
            )
        )
    return tuple(steps)
