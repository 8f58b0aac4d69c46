"""The session user made and unmade by the root helper, for an agent that is not root."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from boruta_farm.dryad.descriptors import receive_descriptor
from boruta_farm.dryad.users.host import Inspection, SystemAccount
from boruta_farm.dryad.users.media import MediumUse
from boruta_farm.dryad.users.verbs import (
    LONGEST_ANSWER,
    LONGEST_LINE,
    decode_answer,
    encode,
    read_account,
    read_inspection,
    read_visitors,
)
from boruta_farm.model.errors import BoardError

OPENED_WITHIN: Final = 30.0
"""Seconds for a device, which may have to spin up."""

MENDING: Final = "is 'dryad helper' running (dryad-helper.service), and is 'helper' its socket?"


class RemoteHost:
    """Hand every verb of ``SessionHost`` to the helper; each call is a connection of its own.

    So a helper that was restarted is found again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def inspect(self) -> Inspection:
        """Let the helper check its machine."""
        return read_inspection(await self._call("inspect"))

    async def create(self, key: str, seconds: float) -> SystemAccount:
        """Let the helper make user and home."""
        return read_account(await self._call("create", key=key, seconds=seconds))

    async def authorize(self, keys: tuple[str, ...], seconds: float) -> None:
        """Let the helper replace the keys."""
        await self._call("authorize", keys=keys, seconds=seconds)

    async def certify(self, certificate: str) -> None:
        """Let the helper put the certificate where sshd looks."""
        await self._call("certify", certificate=certificate)

    async def part_with(self, keys: tuple[str, ...]) -> int:
        """Let the helper end the connections that keys have opened."""
        return int(str(await self._call("part_with", keys=keys)))

    async def visitors(self) -> Mapping[str, int]:
        """Return the sessions that the helper sees."""
        return read_visitors(await self._call("visitors"))

    async def find(self) -> SystemAccount | None:
        """Return the account that the helper knows of."""
        answer = await self._call("find")
        return None if answer is None else read_account(answer)

    async def warn(self, message: str) -> int:
        """Let the helper write to the user's terminals."""
        return int(str(await self._call("warn", message=message)))

    async def clean(self) -> tuple[str, ...]:
        """Let the helper clean up and prove it."""
        found = await self._call("clean")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    async def sessions(self) -> frozenset[int]:
        """Let the helper look who is signed in."""
        found = await self._call("sessions")
        return (
            frozenset(int(str(port)) for port in found) if isinstance(found, list) else frozenset()
        )

    async def open_medium(self, tool: str, use: MediumUse) -> int:
        """Return the descriptor that the helper opens."""
        return await asyncio.to_thread(self._take_descriptor, tool, use)

    async def give_terminal(self, number: int) -> None:
        """Let the helper give a terminal of ours to the session."""
        await self._call("give_terminal", number=number)

    async def close(self) -> None:
        """Do nothing: no connection is kept."""

    def _take_descriptor(self, tool: str, use: MediumUse) -> int:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(OPENED_WITHIN)
            try:
                connection.connect(str(self._path))
                connection.sendall(encode({"verb": "open_medium", "tool": tool, "use": use}))
                line, descriptor = receive_descriptor(connection, LONGEST_LINE)
            except OSError as error:
                raise BoardError(
                    f"the root helper at {self._path} does not open the medium: {error}; {MENDING}"
                ) from error
        try:
            decode_answer(line)
            if descriptor < 0:
                raise BoardError("the root helper opened no medium; are both of one version?")
        except BaseException:
            if descriptor >= 0:
                os.close(descriptor)
            raise
        return descriptor

    async def _call(self, verb: str, **fields: object) -> object:
        try:
            reader, writer = await asyncio.open_unix_connection(self._path, limit=LONGEST_ANSWER)
        except OSError as error:
            raise BoardError(
                f"the root helper at {self._path} cannot be reached: {error.strerror}; {MENDING}"
            ) from error
        try:
            writer.write(encode({"verb": verb, **fields}))
            await writer.drain()
            line = await reader.readuntil(b"\n")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise BoardError(
                f"the root helper at {self._path} did not answer {verb!r}; see its log"
            ) from error
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return decode_answer(line)
