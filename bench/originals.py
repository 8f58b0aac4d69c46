"""Many boards of the original in one process: ``python -m bench.originals RPC_PORT BOARDS``.

They share one address, register all at once when a line arrives on standard input, print how many
seconds that took, and answer every call at once until they are ended.
"""

import argparse
import asyncio
import sys
import time
import uuid

from boruta_farm.gorpc.callers import Places
from boruta_farm.gorpc.client import call_once
from boruta_farm.gorpc.routes import RpcPeer, route
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.server import RpcServer
from boruta_farm.gorpc.services import (
    PREPARE,
    PUT_IN_MAINTENANCE,
    REGISTER,
    PrepareRequest,
    PutInMaintenanceRequest,
    RegisterRequest,
)

AT_ONCE = 64
"""Connections open at the same time, since a thousand boards never start in one millisecond."""
ANSWER_WITHIN = 60.0
"""Seconds: a busy machine may not let this process run for a while."""


def original_uuid(number: int) -> str:
    """Return the UUID of a board."""
    return str(uuid.UUID(int=0xE1D8BB68 << 96 | number))


async def prepare(_request: PrepareRequest, _peer: RpcPeer) -> Empty:
    """Be ready at once."""
    return Empty()


async def put_in_maintenance(_request: PutInMaintenanceRequest, _peer: RpcPeer) -> Empty:
    """Show nothing."""
    return Empty()


async def run(rpc_port: int, boards: int) -> None:
    """Listen, register on command, and stay."""
    routes = [route(PREPARE, prepare), route(PUT_IN_MAINTENANCE, put_in_maintenance)]
    async with RpcServer(routes, places=Places(in_total=boards, per_source=boards)) as server:
        port = await server.listen_tcp("127.0.0.1", 0)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        gate = asyncio.Semaphore(AT_ONCE)

        async def register(number: int) -> None:
            request = RegisterRequest(
                capabilities={"UUID": original_uuid(number), "device_type": "original"},
                dryad_address=f":{port}",
                ssh_address=":22",
            )
            async with gate:
                address = ("127.0.0.1", rpc_port)
                await call_once(
                    address,
                    REGISTER,
                    request,
                    connect_timeout=ANSWER_WITHIN,
                    reply_timeout=ANSWER_WITHIN,
                )

        began = time.perf_counter()
        await asyncio.gather(*(register(number) for number in range(boards)))
        print(time.perf_counter() - began, flush=True)
        await asyncio.get_running_loop().create_future()


def main() -> None:
    """Read the command line and run until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rpc_port", type=int)
    parser.add_argument("boards", type=int)
    options = parser.parse_args()
    asyncio.run(run(options.rpc_port, options.boards))


if __name__ == "__main__":
    main()
