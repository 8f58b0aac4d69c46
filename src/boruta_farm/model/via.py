"""The ways to a board's ssh that people can choose (issue 14)."""

from enum import StrEnum


class Via(StrEnum):
    """Name a way; ``auto`` leaves it to what is found to work."""

    AUTO = "auto"
    TUNNEL = "tunnel"
    DOOR = "door"
    HTTPS = "https"
