"""The documentation tells what the code does: settings, errors, rooms.

Run `python -m tests.docs.test_reference` to write the generated pages anew.
"""

import importlib
import pkgutil
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

import boruta_farm
from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.stm.settings import MuxPiSettings
from boruta_farm.model import errors
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.listing import REQUEST_ITEMS, WORKER_ITEMS
from boruta_farm.model.permission import RULES, Permission, Role, RoleReach, Scope, reach_of
from boruta_farm.model.tunnel import BOARD_CLOSED, PIECE, REFUSED, TUNNEL
from boruta_farm.oidc.settings import ProviderSettings, WorkloadSettings
from boruta_farm.server.config import Config
from boruta_farm.server.http import refusals
from boruta_farm.server.http.limits import LimitSettings
from boruta_farm.server.http.refusals import LastAnswer
from boruta_farm.server.settings.boards import BoardSettings
from boruta_farm.server.settings.front_door import FrontDoorSettings
from boruta_farm.server.settings.lending import LendingSettings
from boruta_farm.server.settings.listening import ListeningSettings
from boruta_farm.server.settings.storage import StorageSettings
from boruta_farm.server.settings.telling import TellingSettings
from boruta_farm.server.settings.tunnels import TunnelSettings
from boruta_farm.server.settings.vouching import VouchingSettings
from boruta_farm.server.sites import SiteSettings
from boruta_farm.settings import document
from boruta_farm.settings.declaration import Dataclass, declared
from boruta_farm.web.routes import Route
from boruta_farm.web.tunnels import PER_ACCOUNT, PER_REQUEST
from tests.architecture.test_imports import ROOMS
from tests.docs.curls import CURLS, PREPARED
from tests.web.serving import World, routes_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TABLE_HEAD = "| setting | default | meaning |\n"


def _errors() -> Iterator[type[BorutaError]]:
    """Walk the whole tree: rooms have errors of their own, and no code may be missing."""
    for module in pkgutil.walk_packages(boruta_farm.__path__, "boruta_farm."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as missing:
                # What speaks with agents needs a library that not everybody has, and has no errors.
                if missing.name != "mcp":
                    raise
    ours = [value for value in vars(errors).values() if isinstance(value, type)]
    first = [error for error in ours if issubclass(error, BorutaError)]
    others = sorted(_branch(BorutaError), key=lambda error: (error.__module__, error.code))
    found: dict[str, type[BorutaError]] = {}
    for error in (*first, *others):
        # A narrower class that keeps its parent's code is no other row.
        found.setdefault(error.code, error)
    yield from found.values()


def _branch(kind: type[BorutaError]) -> Iterator[type[BorutaError]]:
    if kind.__module__.startswith("boruta_farm."):
        yield kind
    for child in kind.__subclasses__():
        yield from _branch(child)


HEADINGS: dict[type[Dataclass], str] = {
    ListeningSettings: "Where it listens, and whom it believes",
    StorageSettings: "What is kept, and for how long",
    LendingSettings: "Who gets a board, and for how long",
    BoardSettings: "Boards and their agents",
    TunnelSettings: "Ways to a lent board",
    FrontDoorSettings: "The SSH front door",
    VouchingSettings: "Who vouches for people and jobs",
    TellingSettings: "Log and webhooks",
    LimitSettings: "What callers may take of the server",
}


def server_settings() -> str:
    """Return the server's settings, each group below its heading."""
    groups = reversed(Config.__bases__)
    return "\n".join(f"## {HEADINGS[made]}\n\n{document.reference(made)}" for made in groups)


def configuration_page() -> str:
    """Return the page of settings."""
    return f"""# Configuration

The server reads a TOML file (`--config FILE`), then the environment (`BORUTA_` and the setting's
name in capitals, such as `BORUTA_API_ADDR`), then flags; the later wins. Unknown settings and wrong
values stop the start and name their place. `boruta config example` prints a commented file,
`boruta config show` the settings in force, `boruta config check FILE` checks one.

Durations are written with units: `90s`, `30m`, `1h30m`, `1h 30m`, `2h30`, `2d`, `500ms`; a hundred
years at most. Lists may be TOML lists or one text with commas, which is what the environment takes.
A file may begin with a byte order mark.

{server_settings()}
## Sign-in providers

Each is a table `[provider.NAME]`; the name stands in the addresses that the provider is told, see
[Signing in](sign-in.md). In the environment all of them are one JSON object, `BORUTA_PROVIDER`, and
the rules below `BORUTA_WORKLOAD`.

{document.reference(ProviderSettings)}
## Workload rules

Each is a table `[workload.NAME]`, see [Boards in CI](ci.md#without-a-secret).

{document.reference(WorkloadSettings)}
## Sites

Each is a table `[site.NAME]`, see [Sites](sites.md); in the environment all of them are one JSON
object, `BORUTA_SITE`.

{document.reference(SiteSettings)}
## Listening beyond this machine

The server refuses any address outside loopback unless two things are given: users, or
`--allow-anonymous`, which lets whoever reaches the API take, close and set aside anything; and a
certificate, or `--allow-plaintext`, which lets keys and tokens be read on the way. [TLS](tls.md)
tells how to have both. The tunnels listen where the API listens, or on `tunnel_address`.
"""


def errors_page() -> str:
    """Return the page of errors."""
    rows = "\n".join(f"| `{e.code}` | {e.default_message()} |" for e in _errors())
    early = "\n".join(
        f"| {r.status} | `{r.code}` | {r.words} |"
        for r in sorted(
            (r for r in vars(refusals).values() if isinstance(r, LastAnswer)),
            key=lambda refusal: (refusal.status, refusal.words),
        )
    )
    return f"""# Errors

Every error that a person or program can see has a stable code. Over HTTP it travels in the one
error shape, `{{"message": "...", "Code": "..."}}`; `message` keeps the texts that clients of the
original know, and says what happened, where, and what to do.

Where the state of a request or worker is the reason, the answer tells it beside the original's
text: `Detail` in one sentence (`it is DONE since 14:05 UTC`, `it is lent to 21 until 15:05 UTC`),
`Standing` as what the sentence is made of, so that whoever shows it can write times in his own
zone. `Remedy` says what to do. The command line prints these in the place of the original's text:

    $ boruta close 21
    boruta: request 21: it is DONE since 14:05: closed; nothing is left to close or change
    $ boruta worker idle lab-1
    boruta: lab-1: it is lent to 21 until 15:05; it is taken back when that job is over; to end
    it now: boruta close 21

| key of `Standing` | what it tells |
| --- | --- |
| `Subject` | `request` or `worker` |
| `State` | the subject's state |
| `Request`, `Worker` | its id or name, and the other side of its job, if there is one |
| `Since`, `Until` | when the state was entered; when the job ends |
| `Longest` | the longest time for one job in seconds, where that is reached |
| `Reason` | why it is so |
| `UnreachableSince` | since when the board's agent is out of reach |

| code | message, unless a more exact one is given |
| --- | --- |
{rows}

What cannot be a call of this farm is refused before anything of it is looked up, and the connection
ends with the answer. A farm with more connections or unread answers than its settings allow answers
503 with `overloaded`.

| status | code | message |
| --- | --- | --- |
{early}
"""


def api_page() -> str:
    """Return the page of calls, from the route table that also makes the OpenAPI description."""
    world = World()
    rows = []
    for route in routes_of(world):
        methods = f"{route.method}, HEAD" if route.head else route.method
        notes = [f"{p.place} `{p.name}`: {p.words}" for p in route.parameters]
        words = ". ".join([route.summary, *notes]).replace("|", "or")
        rows.append(f"| {methods} | `/api/v1/{route.path}` | {route.success} | {words} |")
    table = "\n".join(rows)
    examples = _examples(world)
    return f"""# HTTP API v1

The API is that of the original Boruta; its clients work unchanged. What is new is additive: more
routes, more keys in answers, optional keys and headers in calls. The running server describes all
of it at `/api/v1/openapi.json` (OpenAPI 3.1).

| method | path | success | what it does |
| --- | --- | --- | --- |
{table}

`/healthz` answers 200 while writer, matcher, timers, event loop and relay do their work, else 503
and what is wrong; `Clock` tells what is to be known of the farm's time, when there is something,
`Database` what a failover of the database would lose of what was acknowledged. It serves both
questions of service managers and load balancers: whether to send calls, and whether the server is
stuck. A server that is not ready yet does not listen, so there is no `/readyz`.

## Errors

Every error is `{{"message": "...", "Code": "..."}}`; see [errors](errors.md).

## Lists

The bodies of `reqs/list` and `workers/list` have three keys, each may be null or left out:

    {{"Filter": {{"States": ["WAITING"], "Priorities": [1, 2]}},
     "Sorter": {{"Item": "priority", "Order": "descending"}},
     "Paginator": {{"ID": 100, "Direction": "forward", "Limit": 50}}}}

- `Filter` of requests: `IDs`, `Priorities`, `States`, `Selector`; of workers: `Capabilities` (all
  of them), `Groups` (one of them), `States`, `Selector`. What is left out or empty filters nothing;
  a record must match every key that is there.
- `Sorter.Item` of requests: {", ".join(REQUEST_ITEMS)}; of workers: {", ".join(WORKER_ITEMS)}.
  The id breaks ties. `Sorter.Order`: `ascending` (the default) or `descending`.
- `Paginator.ID`: the request's id, or the worker's UUID, after which the page begins. It must exist
  (404), but need not match the filter. `Paginator.Direction`: `forward` (the default), or
  `backward`: then the page ends before it. `Paginator.Limit`: 1 to 65535 items; 0 means 65535.

Words are taken in any letter case. `Boruta-List-Total` counts what matches the filter,
`Boruta-List-Batch-Size` what is on the page, `Boruta-List-Remaining` what lies beyond it in the
direction of travel: the next page begins at the last id of this one. `State` and `Priority`, or
`Groups` and `Capabilities`, at the top are the form of version 0.1.0.

## A board's ssh by the server's port

`/api/v1/{TUNNEL.replace("request_id", "id")}` is a WebSocket to the ssh of a running request's
board, for programs of who filed the request or has it shared with him (`Authorization: Bearer
TOKEN`; whoever sends an `Origin` is refused). What is sent as binary messages is written to the
board as it is, what the board sends comes in messages of {PIECE // 1024} KiB at most; text is
refused. {PER_REQUEST} may be open for a request, {PER_ACCOUNT} for an account. It is closed with
{BOARD_CLOSED} when the board hangs up, with {REFUSED} and the reason where it is refused, and when
the job, the sharing or the token ends. `boruta proxy 42` speaks it
([where only one port passes](ssh.md#where-only-one-port-passes)).

## Programs that act for somebody

A program with somebody's token may say what it is called: `Boruta-Agent: NAME` (letters, digits,
blanks and `. _ / + -`, 64 at most). Entries of the audit about its calls have the account as their
actor, and the name under `agent` in their details. No right hangs on it.

## Unknown keys

Calls that the original has read bodies as Go does: unknown keys are ignored, capitals and small
letters are the same. Those on people, groups, tokens and signing in take exactly what is described;
anything else is 400 with the place, so that no misspelt limit is taken for a wish for the default.

## Where we differ from the original

- HEAD answers 204 with the headers, since its own client insists on that; `setstate` answers 204.
- A doubled slash at the front redirects (308), inside of `/api/v1` it is served.
- List headers also come with errors; `Groups` is null when there are none, as Festral needs.
- `Addr.IP` is the address at which the caller reached the server, or `public_address`.
- Bodies above 1 MiB get 413. CORS is off unless configured. A POST from a page of another origin
  gets 403.
- `acquire_worker` waits only with `Prefer: wait=N`, and only then prolongs the job, once: the
  documents of the original say that it always does, its server never did.
- An update of a waiting request changes `Caps`, `Selector`, `SSHKey` and `KeepAlive` too; the
  original answers 204 and ignores them. What is empty (or 0) is taken away, what is left out stays.
- A request that asks for a board [made ready](ready.md) is WAITING, with `Job` null, until the
  hand-over; `Readying` tells which board is flashed and booted for it, and how far that is.
- Times are kept to microseconds: nanoseconds of Go programs are cut, so round before you compare
  (`t.Truncate(time.Microsecond)`).
- A page of requests or workers ends before its `Limit` when it would be larger than 8 MiB: then
  `Boruta-List-Remaining` tells what is left, and the next page begins behind the last one's ID. A
  list without a `Paginator` is whole, written page by page as it is read; in another order than
  that of IDs it is refused (503) when it is longer than a page. One that breaks off has no closing
  bracket.
- A list that would look through more than 1,000,000 requests one by one, by a selector 100,000, is
  refused (`list-too-wide`, which says how to narrow it). By ids, states or priorities alone, sorted
  by id, and by priorities alone, sorted by priority, lists may be of any length.
- A list with the body `null` (or none) returns what is unfinished and what finished within 24 h.

## Every call with curl

{examples}
"""


def _examples(world: World) -> str:
    """Return a line for each call, in an order in which one may follow the other."""
    summaries = {(route.method, route.path): route.summary for route in routes_of(world)}
    parts = ["\n".join(f"    {line}" for line in PREPARED.splitlines())]
    for curl in CURLS:
        parts.append(f"{summaries[curl.method, curl.path]}:\n\n    {curl.line}")
        if curl.keep:
            parts.append(f"`{curl.keep}` is then what the answer has under `{'.'.join(curl.of)}`.")
    return "\n\n".join(parts)


def _reach(route: Route, role: Role) -> str:
    if route.permission is Permission.PUBLIC:
        return "all"
    reach = reach_of(role, Scope.ADMIN, route.permission)
    further = (
        RoleReach.NOTHING if route.beyond is None else reach_of(role, Scope.ADMIN, route.beyond)
    )
    return REACHES[max(reach, further)] if reach else "-"


def permissions_page() -> str:
    """Return the page of rights, from the route table and the table of permissions."""
    roles = " | ".join(Role)
    line = " | ".join("---" for _ in Role)
    rights = "\n".join(
        f"| {rule.words} | {rule.scope} | "
        + " | ".join(REACHES[rule.reach.get(role, RoleReach.NOTHING)] for role in Role)
        + " |"
        for rule in RULES.values()
    )
    calls = "\n".join(
        f"| {route.method} | `/api/v1/{route.path}` | "
        f"{'all' if route.permission is Permission.PUBLIC else '-'} | "
        + " | ".join(_reach(route, role) for role in Role)
        + " |"
        for route in routes_of(World())
    )
    return f"""# Rights

What is not named here is denied. `own` is what belongs to the caller, `groups` what belongs to
members of the caller's groups (for workers: what serves no other groups than the caller's), `all`
everything, `-` nothing. A token of a narrower scope than the right needs does not carry it. Every
row of the second table is tested against the server, role by role. [Users](users.md) tells how
accounts are made; on a farm without users everybody who reaches the API may do everything.

## Rights by role

| right | scope | {roles} |
| --- | --- | {line} |
{rights}

Keys and access data are for the owner of a request alone, whatever the role. A `group-admin`
receives those of his groups' members only where the group says so (`boruta group set NAME
--keys-for-admins`).

## Calls by role

| method | path | without token | {roles} |
| --- | --- | --- | {line} |
{calls}

`HEAD` needs what `GET` needs. `login` takes a one-time token. `/healthz` tells anybody whether the
farm moves on, and nothing else.
"""


TABLES = {"agent.md": AgentConfig}
"""Pages that tell of more than their table of settings."""


def with_table(page: str, made: type[Dataclass]) -> str:
    """Return a page with its one table of settings as it is declared."""
    head, _, rest = page.partition(TABLE_HEAD)
    return f"{head}{document.reference(made)}\n{rest.partition(chr(10) * 2)[2]}"


PAGES = {
    "api.md": api_page,
    "configuration.md": configuration_page,
    "errors.md": errors_page,
    "permissions.md": permissions_page,
}
REACHES = {
    RoleReach.NOTHING: "-",
    RoleReach.OWN: "own",
    RoleReach.GROUPS: "groups",
    RoleReach.ALL: "all",
}


@pytest.mark.parametrize("name", PAGES)
def test_generated_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), (
        f"docs/{name} is out of date; run: python -m tests.docs.test_reference"
    )


@pytest.mark.parametrize("name", TABLES)
def test_the_table_of_settings_is_up_to_date(name: str) -> None:
    page = (DOCS / name).read_text()
    assert TABLE_HEAD in page
    assert page == with_table(page, TABLES[name]), (
        f"docs/{name} is out of date; run: python -m tests.docs.test_reference"
    )


def test_every_setting_of_a_muxpi_is_explained() -> None:
    lines = (DOCS / "muxpi.md").read_text().splitlines()
    told = [line.split(" | ")[0] for line in lines if line.startswith("| ")]
    for item in declared(MuxPiSettings):
        assert any(f"`{item.key}`" in row or f" {item.key}`" in row for row in told), item.key


def test_error_codes_are_unique() -> None:
    codes = [error.code for error in _errors()]
    assert len(codes) == len(set(codes))


def test_architecture_page_names_every_room() -> None:
    text = (DOCS / "architecture.md").read_text()
    for room in ROOMS:
        assert f"`{room}" in text, f"docs/architecture.md does not tell of {room}"


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*DOCS.glob("*.md"), ROOT / "README.md"]:
        for part in page.read_text().split("](")[1:]:
            target = part.split(")")[0].split("#")[0]
            if target and "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_leads_nowhere_wrong_on_a_package_index() -> None:
    """There nothing lies beside it: pictures are left out, other links are whole."""
    readme = (ROOT / "README.md").read_text()
    shown = runpy.run_path(str(ROOT / "hatch_build.py"))["for_an_index"](readme)
    assert list(filter(str.strip, shown.splitlines())) == [
        line for line in readme.splitlines() if line.strip() and "![" not in line
    ], "all else stays"
    for part in shown.split("](")[1:]:
        assert part.startswith("https://"), part[:40]


if __name__ == "__main__":
    for name, make in PAGES.items():
        (DOCS / name).write_text(make())
    for name, table in TABLES.items():
        (DOCS / name).write_text(with_table((DOCS / name).read_text(), table))
