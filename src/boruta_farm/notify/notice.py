"""One message of a webhook: what it says, and how it is signed."""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class NoticeKind(StrEnum):
    """What a message tells."""

    GRANTED = "request.granted"
    ENDING = "request.ending"
    FAILED = "request.failed"
    IDLE = "request.idle"
    NUDGED = "request.nudged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Carry a message; ``name`` is the same at every attempt, so that it can be known again."""

    name: str
    kind: NoticeKind
    at: datetime
    owner: str
    data: Mapping[str, object]

    def body(self) -> bytes:
        """Return what is sent."""
        at = self.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        told = {"type": self.kind.value, "timestamp": at, "data": dict(self.data)}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def signed(message: Notice, body: bytes, secret: bytes, now: datetime) -> dict[str, str]:
    """Return the headers that prove who sent a body, and when (standardwebhooks.com, version 1)."""
    sent = str(int(now.timestamp()))
    proof = hmac.digest(secret, b".".join((message.name.encode(), sent.encode(), body)), "sha256")
    return {
        "webhook-id": message.name,
        "webhook-timestamp": sent,
        "webhook-signature": f"v1,{base64.b64encode(proof).decode()}",
    }
