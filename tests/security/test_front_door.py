"""Guests and strangers who try to keep the front door from others."""

import asyncio
from datetime import timedelta
from pathlib import Path

import asyncssh
import pytest

from boruta_farm.frontdoor.crowd import DoorBounds
from boruta_farm.frontdoor.knock import KEPT, MOST_CHANNELS
from boruta_farm.frontdoor.turns import AT_ONCE
from boruta_farm.model.audit import Action
from boruta_farm.model.caller import Caller
from boruta_farm.model.listing import Page
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.token import NewToken
from boruta_farm.model.worker import Worker
from tests.frontdoor.stage import HOST_KEY, Stage, jump

KEY, OTHER = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))


@pytest.mark.parametrize(
    "costly",
    [
        {"kex_algs": ["rsa2048-sha256"]},
        {"kex_algs": ["diffie-hellman-group-exchange-sha256"]},
        {"kex_algs": ["diffie-hellman-group18-sha512"]},
        {"compression_algs": ["zlib@openssh.com"]},
    ],
    ids=["rsa", "group-exchange", "group18", "zlib"],
)
async def test_no_stranger_has_the_door_do_costly_things(
    tmp_path: Path, costly: dict[str, list[str]]
) -> None:
    async with Stage(tmp_path).running() as stage:
        with pytest.raises(asyncssh.KeyExchangeFailed):
            await asyncssh.connect(
                "127.0.0.1",
                stage.port,
                known_hosts=([HOST_KEY.convert_to_public()], [], []),
                client_keys=[KEY],
                agent_path=None,
                config=None,
                **costly,
            )


async def test_one_connection_has_so_many_channels_whatever_they_are(tmp_path: Path) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        async with await stage.come(KEY) as holder, await stage.come(OTHER) as greedy:
            await jump(holder, "lab-rpi4")
            ways = [asyncio.create_task(jump(greedy, "lab-rpi4")) for _ in range(30)]
            begun = await asyncio.gather(
                *(greedy.create_process("connect lab-rpi4") for _ in range(MOST_CHANNELS)),
                return_exceptions=True,
            )
            kept = [one for one in begun if isinstance(one, asyncssh.SSHClientProcess)]
            turned_away = [one for one in begun if isinstance(one, asyncssh.ChannelOpenError)]
            assert len(kept) == MOST_CHANNELS - len(ways)
            assert len(turned_away) == len(ways)
            assert "channels already" in turned_away[0].reason
            kept[0].close()
            await kept[0].wait_closed()
            await greedy.create_process("connect lab-rpi4")
        await asyncio.gather(*ways, return_exceptions=True)


async def test_verbs_of_one_guest_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        workers = stage.lab.farm.workers
        really, under_way, most = workers.list_workers, set[object](), 0

        async def slowly(caller: Caller, *more: object) -> Page[Worker]:
            nonlocal most
            mark = object()
            under_way.add(mark)
            most = max(most, len(under_way))
            await asyncio.sleep(0.01)
            under_way.discard(mark)
            return await really(caller, *more)  # type: ignore[arg-type]  # handed on as they came

        async with await stage.come(KEY) as one, await stage.come(KEY) as another:
            monkeypatch.setattr(type(workers), "list_workers", staticmethod(slowly))
            done = await asyncio.gather(*(c.run("ls") for c in (one, another) for _ in range(20)))
        assert [each.exit_status for each in done] == [0] * 40
        assert 0 < most <= AT_ONCE


async def test_one_guest_does_not_have_all_connections(tmp_path: Path) -> None:
    async with Stage(tmp_path, DoorBounds(connections_per_guest=2)).running() as stage:
        async with await stage.come(KEY) as one, await stage.come(KEY):
            with pytest.raises((asyncssh.Error, OSError)):
                async with await stage.come(KEY) as third:
                    await third.run("ls", check=True)
            assert (await stage.say(OTHER, "ls"))[0] == 0
            one.close()
            await one.wait_closed()
        assert (await stage.say(KEY, "ls"))[0] == 0


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_who_is_in_by_a_token_is_in_for_as_long_as_that_lives(
    tmp_path: Path, end: str
) -> None:
    async with Stage(tmp_path).running() as stage:
        await stage.board(1, "lab-rpi4")
        await stage.account("ann", role=Role.ADMIN)
        ann = stage.lab.farm.directory.account_named("ann")
        assert ann is not None
        me = stage.lab.farm.directory.speak_for(ann.id, Scope.ADMIN, "")
        lasts = timedelta(seconds=3) if end == "expired" else None
        own = await stage.lab.farm.tokens.issue(me, NewToken(account="ann"))
        stolen = await stage.lab.farm.tokens.issue(me, NewToken(account="ann", lifetime=lasts))
        honest = await stage.come(None, "ann", own.secret)
        thief = await stage.come(None, "ann", stolen.secret)
        assert (await thief.run("ls")).exit_status == 0
        if end == "revoked":
            await stage.lab.farm.tokens.revoke(me, stolen.token.id)
        await asyncio.wait_for(thief.wait_closed(), 10)
        assert (await honest.run("ls")).exit_status == 0
        honest.close()


async def test_strangers_who_send_packets_without_end_are_cut_and_keep_nobody_waiting(
    tmp_path: Path,
) -> None:
    async with Stage(tmp_path).running() as stage:
        # The smallest there are, which mean nothing (RFC 4253, 11.2).
        flood = b"SSH-2.0-x\r\n" + b"\0\0\0\x0c\6\2\0\0\0\0\0\0\0\0\0\0" * 20_000

        async def stranger() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
            try:
                writer.write(flood)
                await reader.read()
            except OSError:
                return
            finally:
                writer.transport.abort()

        strangers = [asyncio.create_task(stranger()) for _ in range(20)]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(20):
            async with await stage.come(KEY) as honest:
                assert (await honest.run("ls")).exit_status == 0
            await asyncio.gather(*strangers)
        await asyncio.gather(*KEPT)
        refused = [each for each in await stage.audit() if each.action == Action.LOGIN_FAILED]
        assert "more than a sign-in takes" in str(refused[0].detail)
