"""What a list's selector sees of a record: its capabilities, and beside them what it shows."""

from collections.abc import Mapping
from typing import NamedTuple

from boruta_farm.model.worker import matched
from boruta_farm.store.values import mapping, texts


class BriefRequest(NamedTuple):
    """Carry the columns of a request that selectors look at."""

    id: int
    priority: int
    owner_name: str
    state: str
    caps: str | None
    selector: str | None
    job_worker: str | None

    def values(self) -> Mapping[str, str]:
        """Return what selectors see; a capability asked for wins over a column of its name."""
        values = {
            "id": str(self.id),
            "priority": str(self.priority),
            "owner": self.owner_name,
            "state": self.state,
        }
        if self.selector is not None:
            values["selector"] = self.selector
        if self.job_worker is not None:
            values["worker"] = self.job_worker
        if self.caps is not None:
            values.update(mapping(self.caps))
        return values


class BriefWorker(NamedTuple):
    """Carry the columns of a worker that lists are filtered and sorted by."""

    uuid: str
    name: str
    state: str
    groups: str
    caps: str
    labels: str | None
    fence: str

    def matched(self) -> Mapping[str, str]:
        """Return what requests are matched with, as in ``Worker``."""
        labels = None if self.labels is None else mapping(self.labels)
        return matched(self.name, labels, mapping(self.caps))

    def values(self) -> Mapping[str, str]:
        """Return what selectors see; labels and capabilities win over a column of their name."""
        values = {"state": self.state, "fence": self.fence}
        joined = ",".join(texts(self.groups))
        if joined:
            values["groups"] = joined
        values.update(self.matched())
        return values
