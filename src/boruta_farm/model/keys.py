"""The one table of field names and JSON keys of the HTTP API v1."""

REQUEST_KEYS = {
    "id": "ID",
    "priority": "Priority",
    "owner": "Owner",
    "deadline": "Deadline",
    "valid_after": "ValidAfter",
    "state": "State",
    "job": "Job",
    "caps": "Caps",
}
"""Keys of a request in the order the original sends them; ours follow them."""

REQUEST_EXTRA_KEYS = {
    "selector": "Selector",
    "ssh_key": "SSHKey",
    "keep_alive": "KeepAlive",
    "reason": "Reason",
    "created": "Created",
    "finished": "Finished",
    "orphaned_since": "OrphanedSince",
}

NEW_REQUEST_KEYS = {"account_key": "AccountKey", "strict": "Strict"}
"""Keys that only a new request has: they say how it is to be taken."""

JOB_KEYS = {"worker": "WorkerUUID", "timeout": "Timeout"}
JOB_EXTRA_KEYS = {"epoch": "Epoch", "granted": "Granted", "limit": "Limit"}

WORKER_KEYS = {"uuid": "WorkerUUID", "state": "State", "groups": "Groups", "caps": "Caps"}
WORKER_EXTRA_KEYS = {
    "name": "Name",
    "fence": "Fence",
    "reach": "Reach",
    "reason": "Reason",
    "since": "Since",
    "epoch": "Epoch",
    "port": "Port",
    "host_key": "HostKey",
    "after_job": "AfterJob",
    "unreachable_since": "UnreachableSince",
    "credential_since": "CredentialSince",
    "facts": "Board",
}

ACCESS_KEYS = {"address": "Addr", "key": "Key", "username": "Username", "host_key": "HostKey"}
ADDRESS_KEYS = {"ip": "IP", "port": "Port", "zone": "Zone"}

EVENT_KEYS = {
    "number": "Number",
    "at": "At",
    "kind": "Kind",
    "request_id": "Request",
    "worker": "Worker",
    "state": "State",
    "reason": "Reason",
}

EXPLANATION_KEYS = {
    "request_id": "ID",
    "state": "State",
    "position": "Position",
    "matching": "Matching",
    "holders": "Holders",
    "text": "Text",
    "cause": "Cause",
    "absent": "Absent",
    "lacking": "Lacking",
    "other_groups": "OtherGroups",
    "nearest": "Nearest",
    "changes": "Changes",
    "policy": "Policy",
    "decided": "Decided",
    "forecast": "Forecast",
}
FORECAST_KEYS = {"earliest": "Earliest", "latest": "Latest", "hits": "Hits", "of": "Of"}
ABSENT_KEYS = {"worker": "WorkerUUID", "name": "Name", "state": "State", "reason": "Reason"}
HOLDER_KEYS = {
    "worker": "WorkerUUID",
    "name": "Name",
    "request_id": "Request",
    "owner": "Owner",
    "until": "Until",
}
