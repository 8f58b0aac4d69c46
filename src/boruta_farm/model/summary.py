"""What the farm has learnt, in small pieces that survive restarts."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Record what is known of one subject as of ``updated``; ``core.learning`` gives it meaning."""

    subject: str
    values: tuple[float, ...]
    updated: datetime
