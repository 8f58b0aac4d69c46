"""One call of each kind, as curl makes it: the page shows them, a test makes them in this order."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Curl:
    """Show one call; ``keep`` names the variable that gets what a later call needs of its answer.

    ``of`` are the keys that lead to it.
    """

    method: str
    path: str
    place: str
    body: str = ""
    options: str = ""
    token: str = "$TOKEN"
    keep: str = ""
    of: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Return what is typed."""
        words = ["curl"]
        if self.options:
            words.append(self.options)
        if self.method != "GET" and not self.body:
            words.append(f"-X {self.method}")
        if self.token:
            words.append(f'-H "Authorization: Bearer {self.token}"')
        if self.body:
            words.append(f"-d '{self.body}'")
        return " ".join((*words, f'"$FARM/{self.place}"'))


PREPARED: Final = """\
FARM=http://127.0.0.1:8487/api/v1
TOKEN=boruta_p_...        # a farm without users takes calls without the header
"""

_RENAMED: Final = '[{"Worker": "\'$WORKER\'", "WorkerName": "lab-1"}]'

CURLS: Final = (
    Curl(method="GET", path="version", place="version", token=""),
    Curl(method="GET", path="openapi.json", place="openapi.json"),
    Curl(method="GET", path="clock", place="clock"),
    Curl(method="POST", path="clock/adopt", place="clock/adopt"),
    Curl(method="GET", path="door", place="door"),
    Curl(method="GET", path="metrics", place="metrics"),
    Curl(method="GET", path="workers/", place="workers/"),
    Curl(
        method="POST",
        path="workers/list",
        place="workers/list",
        body='{"Filter": {"Capabilities": {"board": "rpi4"}, "States": ["IDLE"]}}',
    ),
    Curl(
        method="GET",
        path="workers/{worker}",
        place="workers/rpi4",
        keep="WORKER",
        of=("WorkerUUID",),
    ),
    Curl(
        method="POST",
        path="groups/{group}",
        place="groups/kernel",
        body='{"Limits": {"Jobs": 4}}',
    ),
    Curl(method="GET", path="groups/", place="groups/"),
    Curl(
        method="POST",
        path="users/{user}",
        place="users/ann",
        body='{"Role": "user", "Groups": ["kernel"], "SSHKeys": ["\'"$(cat key.pub)"\'"]}',
    ),
    Curl(
        method="POST",
        path="users/{user}/invite",
        place="users/ann/invite",
        body="{}",
        keep="ONE_TIME",
        of=("Secret",),
    ),
    Curl(
        method="POST",
        path="login",
        place="login",
        body='{"Name": "laptop"}',
        token="$ONE_TIME",
        keep="ANN",
        of=("Secret",),
    ),
    Curl(method="GET", path="me", place="me", token="$ANN"),
    Curl(method="GET", path="users/", place="users/"),
    Curl(method="GET", path="users/{user}", place="users/ann"),
    Curl(
        method="POST",
        path="tokens/",
        place="tokens/",
        body='{"Name": "ci", "Scope": "request", "Lifetime": 86400}',
        keep="TOKEN_ID",
        of=("Token", "ID"),
    ),
    Curl(method="GET", path="tokens/", place="tokens/"),
    Curl(method="POST", path="tokens/{token}/revoke", place="tokens/$TOKEN_ID/revoke"),
    Curl(
        method="POST",
        path="reqs/",
        place="reqs/",
        options="-H 'Idempotency-Key: build-42'",
        body='{"Priority": 8, "Caps": {"board": "rpi4"}, "KeepAlive": 120, "Strict": true}',
        keep="REQUEST",
        of=("ReqID",),
    ),
    Curl(
        method="POST",
        path="reqs/{id}/acquire_worker",
        place="reqs/$REQUEST/acquire_worker",
        options="-H 'Prefer: wait=60'",
    ),
    Curl(method="GET", path="reqs/{id}", place="reqs/$REQUEST"),
    Curl(
        method="POST",
        path="reqs/{id}/prolong",
        place="reqs/$REQUEST/prolong",
        body='{"Length": 600}',
    ),
    Curl(method="POST", path="reqs/{id}/keepalive", place="reqs/$REQUEST/keepalive"),
    Curl(
        method="POST",
        path="reqs/{id}/share",
        place="reqs/$REQUEST/share",
        body='{"Account": "ann"}',
    ),
    Curl(
        method="POST",
        path="reqs/{id}/acts",
        place="reqs/$REQUEST/acts",
        options="-H 'Boruta-Agent: nightly tests'",
        body='{"Act": "power cycle"}',
    ),
    Curl(method="GET", path="reqs/{id}/sessions", place="reqs/$REQUEST/sessions"),
    Curl(method="POST", path="reqs/{id}/nudge", place="reqs/$REQUEST/nudge"),
    Curl(
        method="POST",
        path="reqs/{id}/dut",
        place="reqs/$REQUEST/dut",
        body='{"Words": []}',
    ),
    Curl(
        method="POST",
        path="reqs/{id}/unshare",
        place="reqs/$REQUEST/unshare",
        body='{"Account": "ann"}',
    ),
    Curl(
        method="POST",
        path="reqs/",
        place="reqs/",
        body='{"Priority": 12, "Selector": "ram >= 1, arch = arm64", "Length": 1800}',
        keep="WAITING",
        of=("ReqID",),
    ),
    Curl(method="GET", path="reqs/{id}/explain", place="reqs/$WAITING/explain"),
    Curl(method="POST", path="reqs/{id}", place="reqs/$WAITING", body='{"Priority": 4}'),
    Curl(
        method="POST",
        path="reqs/list",
        place="reqs/list",
        body='{"Filter": {"States": ["WAITING", "IN PROGRESS"]}}',
    ),
    Curl(method="POST", path="reqs/{id}/close", place="reqs/$WAITING/close"),
    Curl(method="POST", path="reqs/{id}/close", place="reqs/$REQUEST/close"),
    Curl(method="GET", path="reqs/{id}/console", place="reqs/$REQUEST/console?tail=20"),
    Curl(method="GET", path="events", place="events?request=$REQUEST", options="-N"),
    Curl(method="POST", path="rehearse", place="rehearse", body=_RENAMED),
    Curl(
        method="POST",
        path="workers/{worker}/describe",
        place="workers/rpi4/describe",
        body='{"Labels": {"place": "shelf 3"}, "Notes": "new card in May"}',
    ),
    Curl(
        method="POST",
        path="workers/{worker}/setgroups",
        place="workers/rpi4/setgroups",
        body='["kernel"]',
    ),
    Curl(
        method="GET",
        path="workers/{worker}/orphans",
        place="workers/rpi4/orphans?groups=kernel,radio",
    ),
    Curl(
        method="POST",
        path="workers/{worker}/setname",
        place="workers/rpi4/setname",
        body='"lab-1"',
    ),
    Curl(
        method="POST",
        path="workers/{worker}/setstate",
        place="workers/lab-1/setstate",
        body='{"WorkerState": "MAINTENANCE", "Reason": "moves to shelf 4"}',
    ),
    Curl(
        method="POST",
        path="workers/{worker}/revoke",
        place="workers/lab-1/revoke",
    ),
    Curl(
        method="POST",
        path="workers/{worker}/deregister",
        place="workers/lab-1/deregister",
    ),
    Curl(method="POST", path="users/{user}/remove", place="users/ann/remove", body="{}"),
    Curl(method="POST", path="groups/{group}/remove", place="groups/kernel/remove"),
    Curl(method="GET", path="me/webhook", place="me/webhook"),
    Curl(method="POST", path="session", place="session", options="-c cookies"),
    Curl(
        method="POST",
        path="session/end",
        place="session/end",
        options='-b cookies -H "Origin: ${FARM%/api/v1}"',
        token="",
    ),
    Curl(method="GET", path="sign-in", place="sign-in", token=""),
    Curl(
        method="GET",
        path="sign-in/{provider}/begin",
        place="sign-in/lab/begin?place=/queue",
        options="-c cookies",
        token="",
    ),
    Curl(
        method="GET",
        path="sign-in/{provider}/callback",
        place="sign-in/lab/callback?code=CODE&state=STATE",
        options="-b cookies",
        token="",
    ),
    Curl(
        method="POST",
        path="sign-in/{provider}/device",
        place="sign-in/lab/device",
        token="",
    ),
    Curl(
        method="POST",
        path="sign-in/{provider}/device-token",
        place="sign-in/lab/device-token",
        body='{"Handle": "HANDLE", "Name": "laptop"}',
        token="",
    ),
    Curl(
        method="POST",
        path="token-exchange",
        place="token-exchange",
        body="grant_type=urn:ietf:params:oauth:grant-type:token-exchange"
        "&subject_token_type=urn:ietf:params:oauth:token-type:id_token&subject_token=TOKEN",
        token="",
    ),
    Curl(method="GET", path="audit", place="audit?action=login&limit=10"),
    Curl(method="GET", path="audit/verify", place="audit/verify"),
)
