"""``dryad join``: enrol the board, and leave configuration and credential to its service."""

import argparse
import asyncio
import getpass
import json
import os
import pwd
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from boruta_farm.contracts import Registered
from boruta_farm.dryad import config as configuration
from boruta_farm.dryad.arguments import TypedArguments
from boruta_farm.dryad.asking import credential_path, enrol
from boruta_farm.dryad.config import DEFAULT_PATH, JOIN_TOKEN_VARIABLE, AgentConfig
from boruta_farm.dryad.credential import load_credential
from boruta_farm.dryad.files import LockedFolder, write_durably
from boruta_farm.dryad.owner import check_owner, note_owner
from boruta_farm.dryad.users.command import USUAL_USER
from boruta_farm.model.errors import BorutaError, ConfigError
from boruta_farm.model.service import as_account, service_account
from boruta_farm.model.token import PREFIX, TokenKind, check_token, conceal
from boruta_farm.settings.files import read_bounded

DONE, FAILED = 0, 1
LONGEST_INPUT = 4096
INVITATION = f"{PREFIX}{TokenKind.JOIN.value[0]}_"
AUTHORITY = "farm-ca.pem"
_SETTING = re.compile(r"(?m)^[ \t]*[^#\s].*\n")
SOCKETS = Path("/run/boruta/helper")
STATE = Path("/var/lib/dryad")
UNREADABLE = "\ufffd"


def main(arguments: Sequence[str]) -> int:
    """Enrol the board and print what is to be done next; 1 when that failed."""
    options = _options(arguments)
    try:
        joined = _join(options)
    except BorutaError as error:
        print(f"dryad join: {conceal(error.message)}", file=sys.stderr)
        return FAILED
    print(f"this board is enrolled at {options.server} as {joined.uuid}")
    print(f"next: capabilities in {options.conf}, then 'dryad doctor --conf {options.conf}', then:")
    print(start_line(options.conf.absolute()))
    print(f"and at the farm: boruta worker idle {joined.uuid}")
    return DONE


def start_line(conf: Path) -> str:
    """Return what starts the agent: its units, which know /etc/boruta alone, else itself."""
    if conf.parent != DEFAULT_PATH.parent:
        return f"dryad --conf {shlex.quote(str(conf))}"
    units = "dryad" if conf == DEFAULT_PATH else f"dryad@{conf.stem}"
    return f"systemctl enable --now {units.replace('dryad', 'dryad-helper', 1)} {units}"


def _join(options: argparse.Namespace) -> Registered:
    """Raises BorutaError; the configuration is only written after the farm has said yes."""
    path: Path = options.conf
    account = service_account(options.user)
    authority = _authority(options.ca_file, path) if options.ca_file else None
    text = _text(path)
    content = settle(text, _wanted(options, account, authority, text), dict(options.cap))
    token = _asked(options.server)
    draft = path.with_name(f".{path.name}.joining")
    try:
        _write(draft, content, account)
        if authority is not None:
            # No secret, and to be read by a service that cannot read our home.
            write_durably(authority, read_bounded(options.ca_file))
            authority.chmod(0o644)
        config = configuration.load(draft, join_token=token)
        _make_state(config.state_dir, account)
        joined = as_account(account, lambda: _enrolled(config))
        draft.replace(path)
    except ConfigError as error:
        raise ConfigError(error.message.replace(str(draft), str(path))) from None
    except OSError as error:
        raise ConfigError(
            f"{error.filename or path}: cannot be written: {error.strerror}; run it as root: "
            f"sudo dryad join {options.server}"
        ) from None
    finally:
        if draft.exists():
            draft.unlink()
    return joined


def _enrolled(config: AgentConfig) -> Registered:
    """Enrol with the credential that the service will use, made as its user."""
    folder = LockedFolder(config.state_dir, "state_dir")
    folder.open()
    try:
        check_owner(folder.path, config.uuid)
        enrolled = asyncio.run(enrol(config, load_credential(credential_path(config))))
        note_owner(folder.path, config.uuid)
        return enrolled
    finally:
        folder.close()


def _asked(server: str) -> str:
    """Return the invitation: from the environment, typed unseen, or from standard input."""
    place, given = _given(server)
    token = check_token(given, place)
    if not token.startswith(INVITATION):
        raise ConfigError(
            f"{place}: is no join token, which begins with {INVITATION!r}; make one at the farm: "
            "boruta agent invite"
        )
    return token


def _given(server: str) -> tuple[str, str]:
    """Return where the token came from, and what came."""
    if given := os.environ.get(JOIN_TOKEN_VARIABLE, ""):
        return JOIN_TOKEN_VARIABLE, given
    if sys.stdin is None:
        raise ConfigError(f"there is no standard input; give the token in {JOIN_TOKEN_VARIABLE}")
    if sys.stdin.isatty():
        try:
            given = getpass.getpass(f"Join token for {server} (boruta agent invite): ")
        except UnicodeDecodeError:
            given = UNREADABLE
    else:
        given = sys.stdin.buffer.readline(LONGEST_INPUT).decode(errors="replace")
    return "the join token", given


def _wanted(
    options: argparse.Namespace,
    account: pwd.struct_passwd | None,
    authority: Path | None,
    text: str,
) -> dict[str, str | None]:
    """Return the settings to be written; None removes one."""
    wanted: dict[str, str | None] = {"server": options.server, "join_token": None}
    wanted["boruta_address"] = ""
    if authority is not None:
        wanted["ca_file"] = str(authority)
    if options.name is not None:
        wanted["name"] = options.name
    board = "" if options.conf.stem == DEFAULT_PATH.stem else options.conf.stem
    if account is not None and not re.search(r"^\s*helper\s*=", text, re.MULTILINE):
        wanted["helper"] = str(SOCKETS / f"{board or 'board'}.sock")
    if account is not None and not re.search(r"^\s*state_dir\s*=", text, re.MULTILINE):
        wanted["state_dir"] = str(STATE / board)
    return wanted


def settle(text: str, wanted: Mapping[str, str | None], caps: Mapping[str, str]) -> str:
    """Return a configuration's text with settings replaced, comments and all else as it was."""
    begin = re.search(r"(?m)^[ \t]*\[", text)
    place = len(text) if begin is None else begin.start()
    head, tables = text[:place], text[place:]
    for key, value in wanted.items():
        line = "" if value is None else f"{key} = {json.dumps(value)}\n"
        for pattern in (rf"(?m)^[ \t]*{key}[ \t]*=.*\n?", rf"(?m)^#[ \t]*{key}[ \t]*=.*\n?"):
            found = re.search(pattern, head)
            if found and (value is not None or not found[0].startswith("#")):
                head = head[: found.start()] + line + head[found.end() :]
                break
        else:
            if line:
                head = f"{head.rstrip()}\n{line}\n"
    for name, value in caps.items():
        line = f"{json.dumps(name)} = {json.dumps(value)}\n"
        known = re.compile(rf'(?m)^[ \t]*"?{re.escape(name)}"?[ \t]*=.*\n')
        section = re.search(r"(?ms)^\[caps\][^\n]*\n(.*?)(?=^\[|\Z)", tables)
        assert section is not None
        body = known.sub("", section[1])
        # Behind the last setting: comments at the end are about the table that follows.
        last = max((found.end() for found in _SETTING.finditer(body)), default=0)
        body = f"{body[:last]}{line}{body[last:]}"
        tables = f"{tables[: section.start(1)]}{body}{tables[section.end(1) :]}"
    return head + tables


def _text(path: Path) -> str:
    try:
        return read_bounded(path).decode("utf-8-sig")
    except FileNotFoundError:
        return configuration.example()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {why}") from None


def _authority(given: Path, conf: Path) -> Path:
    """Return where the authority's file goes. Raises ConfigError for one that is none."""
    if not given.is_file():
        raise ConfigError(f"--ca-file: there is no file {given}")
    return conf.with_name(AUTHORITY if conf.stem == DEFAULT_PATH.stem else f"{conf.stem}-ca.pem")


def _write(path: Path, text: str, account: pwd.struct_passwd | None) -> None:
    """Write a file that the service may read and only its owner may change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        if account is not None:
            os.fchown(file.fileno(), 0, account.pw_gid)
            os.fchmod(file.fileno(), 0o640)
        file.flush()
        os.fsync(file.fileno())


def _make_state(folder: Path, account: pwd.struct_passwd | None) -> None:
    """Make the state's folder as the service's unit would."""
    if folder.exists():
        return
    folder.mkdir(mode=0o700, parents=True)
    if account is not None:
        for place in (folder, *folder.parents):
            if place.is_relative_to(STATE):
                os.chown(place, account.pw_uid, account.pw_gid)
                place.chmod(0o700)


def _cap(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is none; write NAME=VALUE, such as board=rpi4")
    return name, value


def _server(text: str) -> str:
    if PREFIX in text:
        raise argparse.ArgumentTypeError(
            "a token must not be an argument: 'ps' and the shell's history keep it. Revoke it, and "
            "paste another one when asked"
        )
    return text.rstrip("/")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = TypedArguments(
        prog="dryad join",
        description="Enrol this board at a farm. The token of 'boruta agent invite' is asked for, "
        f"or read from standard input or {JOIN_TOKEN_VARIABLE}.",
        allow_abbrev=False,
    )
    parser.add_argument("server", type=_server, metavar="URL", help="such as https://farm:8487")
    parser.add_argument(
        *("-conf", "--conf"), type=Path, default=DEFAULT_PATH, metavar="FILE", help="as for dryad"
    )
    parser.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="the authority of the farm's TLS; is copied"
    )
    parser.add_argument("--name", help="the board's name in the farm; the host's if not given")
    parser.add_argument(
        *("-c", "--cap"),
        type=_cap,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a capability; repeatable",
    )
    parser.add_argument(
        "--user", default=USUAL_USER, help=f"whom the service runs as (default {USUAL_USER})"
    )
    return parser.parse_args(arguments)
