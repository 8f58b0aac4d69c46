"""An agent that opens streams, as a process of its own: ``python -m bench.outbound TARGET``.

It is the agent's own code for streams; what the link would carry comes over its standard input.
"""

import asyncio
import json
import sys

from boruta_farm.contracts import BoardWatch, StreamingDryad
from boruta_farm.dryad.state import AgentState, Phase
from boruta_farm.dryad.streams import AgentStreams, RelayPlace
from boruta_farm.model.errors import BoardError

EPOCH = 1
WITHIN = 15.0


class StreamingAgent:
    """Ask one such process for streams, for every worker; implements ``StreamingBoards``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._turn = asyncio.Lock()

    @classmethod
    async def start(cls, target: int) -> "StreamingAgent":
        """Start an agent whose SSH server is at ``target``."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.outbound", str(target)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return cls(process)

    def streaming(self, uuid: str) -> StreamingDryad:
        """Return the agent, which speaks for any worker."""
        return _Board(self, uuid)

    def watch(self) -> BoardWatch:
        """Never change."""
        return _Still()

    async def ask(self, **wish: str | int) -> None:
        """Have a stream opened. Raises BoardError."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None, "the agent's input is a pipe"
        assert stdout is not None, "the agent's output is a pipe"
        async with self._turn:
            stdin.write(json.dumps(wish).encode() + b"\n")
            answer = await stdout.readline()
        if answer != b"open\n":
            raise BoardError(answer.decode())

    async def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        await self.process.communicate()


class _Board:
    def __init__(self, agent: StreamingAgent, worker: str) -> None:
        self._agent = agent
        self._worker = worker

    async def open_stream(self, epoch: int, token: str, port: int) -> None:
        await self._agent.ask(worker=self._worker, epoch=epoch, token=token, port=port)


class _Still:
    async def next(self) -> str:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nothing ever changes")

    def close(self) -> None:
        """Keep nothing."""


async def serve(target: int) -> None:
    """Open the streams that are asked for, until the input ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    boards: dict[str, AgentStreams] = {}
    while line := await reader.readline():
        wish = json.loads(line)
        worker = wish["worker"]
        if worker not in boards:
            place = RelayPlace(host="127.0.0.1")
            boards[worker] = AgentStreams(worker, place, lambda: f"127.0.0.1:{target}")
            boards[worker].look(AgentState(boot_id="bench", epoch=EPOCH, phase=Phase.GRANTED))
        try:
            await boards[worker].open_stream(wish["epoch"], wish["token"], wish["port"])
        except BoardError as error:
            print(error.message, flush=True)
        else:
            print("open", flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
