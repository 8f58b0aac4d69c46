"""Threat: a secret in a log, an error, an event, an address, a backup or a file left behind."""

import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.access.cipher import KEY_FILE, AesGcmCipher
from boruta_farm.client.config import ClientConfig
from boruta_farm.contracts import Prepared
from boruta_farm.dryad.config import AgentConfig
from boruta_farm.farm.assembly import AssembledFarm
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.events import EventKind
from boruta_farm.model.permission import Scope
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.token import Issued, Token, TokenKind
from boruta_farm.model.worker import KeyPair, Registration, WorkerState
from boruta_farm.store.factory import open_store
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.testing.boards import SimulatedBoards
from tests.core.world import NOW
from tests.store.making import HandClock, make_worker
from tests.web.peopled import PeopledWeb, peopled_web, random_part

PRIVATE = "-----BEGIN RSA PRIVATE KEY----- planted-private-half"
PLANTED = "planted-secret-0123456789abcdefghijklmnopqrstuv"


async def live_through(web: PeopledWeb) -> list[str]:
    """Do what makes, carries and refuses secrets; return them all."""
    secrets = [web.root_secret, await web.secret("ann", "lab")]
    for path, body in (
        ("users/bob/invite", {}),
        ("tokens/", {"Name": "nightly"}),
        ("tokens/", {"Kind": "join", "Account": "admin", "Scope": "read"}),
    ):
        secrets.append((await web.call("POST", path, web.root_secret, body)).json["Secret"])
    secrets.append((await web.call("POST", "login", secrets[2])).json["Secret"])
    wrong = [f"boruta_p_0_{PLANTED}", PLANTED, secrets[1] + PLANTED]
    for secret in wrong:
        for method, path in (("GET", "me"), ("POST", "login"), ("POST", "reqs/")):
            await web.call(method, path, secret)
    for secret in secrets:
        await web.call("POST", "reqs/", secret, {"Priority": 99})
        await web.call("POST", "reqs/", secret, raw=b"{")
        await web.call("GET", "nothing/here", secret)
    return [*secrets, *wrong]


async def test_no_token_in_logs_errors_events_and_audit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with peopled_web(tmp_path) as web:
        secrets = await live_through(web)
        told = [
            caplog.text,
            repr(await web.people.store.events(0, 10_000)),
            (await web.call("GET", "audit?limit=10000", web.root_secret)).body.decode(),
            (await web.call("GET", "tokens/", web.root_secret)).body.decode(),
            (await web.call("GET", "users/", web.root_secret)).body.decode(),
        ]
        refusals = [await web.call("GET", "reqs/1", secret + "x") for secret in secrets]
        told += [refusal.body.decode() for refusal in refusals]
    assert "login.failed" in told[2], "nothing was looked at"
    for secret in secrets:
        random = random_part(secret)
        assert not [text for text in told if random in text]


def test_no_secret_in_what_is_shown_of_records() -> None:
    """Whatever is put into a log or an error by accident shows no secret either."""
    token = Token(
        id="1",
        account="ann",
        kind=TokenKind.PERSONAL,
        scope=Scope.READ,
        name="",
        digest=PLANTED,
        created=NOW,
        expires=NOW,
        issuer="root",
    )
    agent = AgentConfig(
        path=Path("/"), caps={}, server="", driver="", state_dir=Path("/"), join_token=PLANTED
    )
    board = Registration(
        caps={},
        dryad_address="",
        ssh_address="",
        fence=make_worker().fence,
        join_token=PLANTED,
    )
    for record in (
        token,
        Issued(token=token, secret=PLANTED),
        KeyPair(public="", private=PLANTED),
        ClientConfig(token=PLANTED),
        agent,
        board,
    ):
        assert PLANTED not in repr(record)
        assert PLANTED not in f"{record}"


def back_up(database: Path, backup: Path) -> None:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)


def contents(folder: Path) -> dict[Path, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != KEY_FILE]
    return {path: path.read_bytes() for path in paths}


async def test_a_stolen_database_or_backup_gives_no_private_key_away(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup.db"
    data.mkdir()
    clock = HandClock()
    store = SqliteStore(data / "farm.db", clock, FarmSettings(), inline=True)
    await store.start()
    worker = make_worker(state=WorkerState.PREPARE)
    await store.execute(lambda tx, _now: tx.save_worker(worker, EventKind.WORKER_REGISTERED))
    cipher = AesGcmCipher.load(data)
    reports = AssembledFarm(store, FarmSettings(), clock, cipher, SimulatedBoards(clock)).reports
    key = KeyPair(public="ssh-rsa planted-public-half", private=PRIVATE)
    prepared = Prepared(username="u", host_key="ssh-ed25519 HOST")
    await reports.prepared(worker.uuid, worker.epoch, key, prepared)
    back_up(data / "farm.db", backup)
    await store.close()
    found = contents(tmp_path)
    assert any(b"planted-public-half" in content for content in found.values())
    assert not [p for p, content in found.items() if b"planted-private-half" in content]
    secret = (data / KEY_FILE).read_bytes()
    assert not [p for p, content in found.items() if secret in content]
    assert (data / KEY_FILE).stat().st_mode & 0o777 == 0o600


async def test_a_database_out_of_reach_is_told_without_its_password() -> None:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed ([postgres])")
    assert psycopg
    address = f"postgresql://farm:{PLANTED}@127.0.0.1:1/farm"
    store = open_store(address, HandClock(), FarmSettings())
    with pytest.raises(BorutaError) as refused:
        await store.start()
    assert PLANTED not in str(refused.value)
    assert PLANTED not in repr(refused.value.__cause__)


def test_replacing_a_record_keeps_it_hidden() -> None:
    assert PLANTED not in repr(replace(ClientConfig(token=PLANTED), server="http://x"))
