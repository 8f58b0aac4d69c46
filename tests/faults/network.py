"""Machines on a network of their own, whose links can be cut; run inside a network namespace."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from tests.namespaces import inside, network_namespace, run

BRIDGE = "bridge0"
HERE = "10.77.0.1"
NOWHERE = "02:00:00:00:ff:ff"
"""A link-layer address that no machine has: what is sent there is lost without a word."""

SLOW = ("delay", "150ms", "50ms", "loss", "5%")
"""What the kernel's netem does to packets, where it has that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Name one machine: its place on the network, and the process that holds its namespace."""

    name: str
    number: int
    holder: int

    @property
    def address(self) -> str:
        """Return its address."""
        return f"10.77.0.{self.number}"

    @property
    def link_address(self) -> str:
        """Return the address by which its network card is known."""
        return f"02:00:00:00:00:{self.number:02x}"

    @property
    def inside(self) -> tuple[str, ...]:
        """Return what enters its namespace."""
        return inside(self.holder)


class Network:
    """Join machines by one bridge, on which this namespace is at ``HERE``.

    Every machine knows the others' cards by a table of its own, so that one direction of one link
    is cut by one entry: no packet filter is needed.
    """

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.machines: dict[str, Machine] = {}
        self.delays = False
        """Whether the kernel can delay and lose packets."""

    async def build(self) -> None:
        """Make the bridge."""
        await run("ip", "link", "set", "lo", "up")
        await run("ip", "link", "add", BRIDGE, "type", "bridge")
        await run("ip", "address", "add", f"{HERE}/24", "dev", BRIDGE)
        await run("ip", "link", "set", BRIDGE, "up")

    async def add(self, name: str) -> Machine:
        """Add a machine and make it known to all others."""
        holder = await self._stack.enter_async_context(network_namespace())
        machine = Machine(name=name, number=10 + len(self.machines), holder=holder)
        port = f"port{machine.number}"
        await run("ip", "link", "add", port, "type", "veth", "peer", "card0")
        await run("ip", "link", "set", "card0", "netns", str(holder))
        await run("ip", "link", "set", port, "master", BRIDGE, "up")
        for words in (
            ("link", "set", "card0", "address", machine.link_address),
            ("address", "add", f"{machine.address}/24", "dev", "card0"),
            ("link", "set", "card0", "up"),
        ):
            await run(*machine.inside, "ip", *words)
        for other in self.machines.values():
            await self._know(machine, other, other.link_address)
            await self._know(other, machine, machine.link_address)
        self.machines[name] = machine
        return machine

    async def cut(self, sender: Machine, receiver: Machine) -> None:
        """Lose whatever one machine sends to another."""
        await self._know(sender, receiver, NOWHERE)

    async def join(self, sender: Machine, receiver: Machine) -> None:
        """Undo ``cut``."""
        await self._know(sender, receiver, receiver.link_address)

    async def slow(self, machine: Machine) -> bool:
        """Delay and lose some of what a machine sends; tell whether the kernel can."""
        command = (*machine.inside, "tc", "qdisc", "add", "dev", "card0", "root", "netem", *SLOW)
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        return await process.wait() == 0

    async def quicken(self, machine: Machine) -> None:
        """Undo ``slow``."""
        await run(*machine.inside, "tc", "qdisc", "del", "dev", "card0", "root")

    async def heal(self, pairs: Iterable[tuple[Machine, Machine]]) -> None:
        """Join all these links in both directions."""
        for one, other in pairs:
            await self.join(one, other)
            await self.join(other, one)

    async def _know(self, machine: Machine, other: Machine, link_address: str) -> None:
        entry = ("neigh", "replace", other.address, "lladdr", link_address)
        await run(*machine.inside, "ip", *entry, "dev", "card0", "nud", "permanent")


@asynccontextmanager
async def network() -> AsyncIterator[Network]:
    """Hold a network for the block; its machines' processes must have ended before."""
    async with AsyncExitStack() as stack:
        made = Network(stack)
        await made.build()
        yield made
