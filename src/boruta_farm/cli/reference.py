"""The documentation page of the command line, rendered from the verbs themselves."""

import typer
from typer.core import TyperGroup
from typer.main import get_command

from boruta_farm.cli.main import app

HEAD = """# Command line

`boruta` is client and server in one command. `boruta VERB --help` tells what this page tells;
`boruta` alone how things stand at your farm and the three next steps: to sign in, to borrow, or
what to do with the board that you hold or wait for (status 1 where no farm answers within 2 s).

## Which server

The first that is given counts: `--server URL`, a profile named with `--profile`,
`BORUTA_SERVER`, the profile file, `http://127.0.0.1:8487`. `boruta login URL --ca-file FILE` writes
the profile file, `~/.config/boruta/config.toml` (or below `XDG_CONFIG_HOME`); by hand:

```toml
server = "http://lab.example:8487"

[profile.far]
server = "https://far.example"
token = "..."
ca_file = "far-ca.pem"
```

`--profile far`, `BORUTA_PROFILE=far` or `profile_name = "far"` at the top of the file choose a
profile. A file with a token must be readable by its owner only (`chmod 600`). `BORUTA_TOKEN` sets
the token for any server; a token of the file is sent to the server of the same table only. Where
none is given, the one that `boruta login` keeps for the server's address is used; see
[users](users.md). `workload = true` (`BORUTA_WORKLOAD=1`) signs in as the CI job in which this
runs; see [Boards in CI](ci.md#without-a-secret).

`ca_file` (`--ca-file`, `BORUTA_CA_FILE`) names the authority that signed the server's certificate,
where it is not one that the system trusts; then it alone is trusted. See [TLS](tls.md).

## What is printed

Results go to stdout, everything else to stderr. `-o` chooses the form, before or after the verb:
`table` for people (colours on terminals only, never with `NO_COLOR`; whole lines without a
terminal), `json` (one document), `jsonl` (one line for each), `ids` (one id for each). JSON has
the keys of the HTTP API. Times are shown in the local zone, in JSON in UTC.

| exit status | meaning |
| --- | --- |
| 0 | done |
| 1 | failed; stderr tells why and what to do |
| 2 | wrong usage |
| 130 | ended by Ctrl-C |

`boruta ssh` has statuses of its own: that of ssh (which is that of the command on the board), 255
for its own failures, 128 + n after signal n. So has [`boruta run`](#a-board-for-one-command).

Times are given as `2026-01-31T18:30` (local, or with an offset) or as a duration from now (`2h`);
durations are written with units: `90s`, `10m`, `1h30m`, `2d`. Workers are given by name, UUID or
the unique beginning of either. `boruta --install-completion` sets up the shell's
completion, which offers the farm's workers, requests and capabilities.

## `boruta ssh`

Files a request, shows position and holder while it waits, connects with OpenSSH, and closes the
request when ssh ends. While ssh runs, the job is prolonged at half of its remaining time; when the
farm's limit is reached, that is said, and again 5 minutes before the end. The request is filed
with a `KeepAlive` of 120 s, renewed every 30 s: when this client dies, the board is free 2 minutes
later, or `--linger` (10s to 1h) after the farm heard of it last.

A shell at a terminal outlives a lost network (a closed lid, a train): that is said, about 30 s
after the other side went silent, the farm keeps the board for `--linger`, and the connection is
opened again by itself for as long as the job lives. From another machine `boruta ssh ID` takes the
board up meanwhile; who then ends the first shell does not take it away. What ran in the shell ends
with its connection unless it is opened with `--persist`: in tmux on the board, which a board
without it says. Detached (`C-b d`), or when the window is closed, such a shell goes on, and its
request stays until it is taken up, closed, or not heard of for `--linger`. A command after `--` is
never run twice.

A job whose length was named (`--for`) ends then: 5 minutes before, that is said, and Ctrl-] gives
it as much again, as far as the farm's limits allow.

The board's key lies in a file of mode 0600 in a folder of mode 0700 while ssh runs, the board's
host key is pinned beside it, and both are removed at the end. With `--key FILE.pub` your own public
key is installed on the board instead, and no private key travels at all.

Ctrl-C while waiting, with `new --wait` as with `ssh`, asks whether to cancel the request, to leave
it in the queue or to go on; without a terminal to answer at, and when pressed again, it closes the
request. While a lost connection is opened again it asks likewise. Inside the session it belongs to
ssh. SIGTERM and SIGHUP end ssh, close the request and remove the files; SIGKILL leaves that to
`KeepAlive`. `boruta ssh ID` connects to a request that exists, waiting for its turn if need be; it
neither files nor closes one, but keeps it alive and prolonged.

`boruta ssh --again` goes back to what was last held of this farm: to its board while the request
goes on, also after this machine went down, else by filing the same demand. It is remembered in
`~/.local/state/boruta/last.json` (or below `XDG_STATE_HOME`).

## A board for one command

    boruta run -c board=rpi4 --in build --fetch 'out/*.xml' --to results --wait 1h -- ./test.sh

borrows a board, sends the folder `build` there, runs `./test.sh` in its copy, shows what it prints,
fetches `out/*.xml` from there, also when the command failed, and gives the board back whatever
happens, by the same means as `boruta ssh`. One word after `--` is a line for the board's shell
(`-- 'cd src && make'`); several are quoted for it word by word. Without `--in` the command runs in
the job's home. With `--here` the board is held while the command runs on this machine: a suite that
operates the device by `boruta power "$BORUTA_REQUEST" cycle` and the like, or by
[labgrid](foreign-suites.md). The command's status is passed on; where it is not known, the status
says why:

| exit status | meaning | repeated by `--retries N` |
| --- | --- | --- |
| 193 | no board was free in time (`--wait`, or the request's deadline) | no |
| 194 | no such board: none registered could serve this, or none bears the name | no |
| 195 | the board was lost: it failed, or cannot be reached any more | yes |
| 196 | the farm cannot be reached | yes |
| 197 | the job ended before the command did: its time was over, or somebody closed it | no |
| 198 | files were not copied, on a board that answers | no |
| 199 | the farm refused, or something is missing here | no |

No shell and no signal gives these (128 + n ends at 192), nor does ssh: a command that ends with 255
itself is told apart from ssh's own 255. A command that fails is never repeated.

## Files and ports of a board in hand

    boruta cp firmware.bin 42:            # into the home of request 42's session
    boruta cp lab-rpi4:results here       # the board of a running request, by its name
    boruta forward 42 8080:80             # http://127.0.0.1:8080 is port 80 of the supervisor

go over the same path as `boruta ssh 42`, with the same pinned host key, and keep the job alive and
prolonged while they last.

## Verbs
"""
WIDE = 10_000


def page() -> str:
    """Return the page as Markdown."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    return HEAD + "".join(_sections(root, "boruta"))


def _sections(group: TyperGroup, path: str) -> list[str]:
    found = []
    for name, command in group.commands.items():
        place = f"{path} {name}"
        if isinstance(command, TyperGroup):
            found += _sections(command, place)
            continue
        context = typer.Context(command, info_name=place, terminal_width=WIDE)
        usage = command.get_usage(context).removeprefix("Usage: ")
        words = "\n".join(line.strip() for line in (command.help or "").splitlines())
        found.append(f"\n### `{place}`\n\n{words}\n\n    {usage}\n")
        records = [item.get_help_record(context) for item in command.get_params(context)]
        rows = [
            f"| `{_cell(r[0])}` | {_cell(r[1])} |\n" for r in records if r and "--help" not in r[0]
        ]
        if rows:
            found.append("\n| | |\n| --- | --- |\n" + "".join(rows))
    return found


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
