"""The kinds of board that can be demonstrated."""

from enum import StrEnum


class DemoDriver(StrEnum):
    """Name a driver of the agent that the demo can play with."""

    SANDBOX = "sandbox"
    LINUX = "linux"
    MUXPI = "muxpi"
