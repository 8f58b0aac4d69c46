"""What the farm has learnt, in small pieces that survive restarts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from boruta_farm.model.declared import Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Record what is known of one subject as of ``updated``; ``core.learning`` gives it meaning."""

    subject: Annotated[str, Stored(key=True)]
    values: Annotated[tuple[float, ...], Stored(column="numbers")]
    updated: datetime
