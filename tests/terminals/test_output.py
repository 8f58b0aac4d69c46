"""What a terminal said: nothing is lost to who types, and nobody is held up by who watches."""

import asyncio

from boruta_farm.terminals.output import AHEAD, HISTORY, KEPT, Onlooker, TerminalOutput

PIECE = 16 * 1024


async def everything(output: TerminalOutput, reader: Onlooker) -> bytes:
    """Read to the end, and say so each time."""
    read = b""
    while (found := await output.next(reader, PIECE))[1]:
        read += found[1]
        output.acknowledge(reader, found[0] + len(found[1]))
    return read


async def waits(output: TerminalOutput) -> bool:
    """Tell whether the program would have to wait."""
    room = asyncio.create_task(output.room())
    await asyncio.sleep(0)
    try:
        return not room.done()
    finally:
        room.cancel()


async def test_a_reader_gets_what_was_said_before_and_after_he_came() -> None:
    output = TerminalOutput()
    output.add(b"before ")
    reader = output.join(None, holds=True)
    output.add(b"after")
    output.finish()
    assert await everything(output, reader) == b"before after"


async def test_who_comes_back_goes_on_where_he_was() -> None:
    output = TerminalOutput()
    first = output.join(None, holds=True)
    output.add(b"0123456789")
    position, data = await output.next(first, 4)
    assert (position, data) == (0, b"0123")
    output.part(first)
    output.add(b"abc")
    output.finish()
    assert await everything(output, output.join(4, holds=True)) == b"456789abc"


async def test_the_program_waits_for_who_types_and_reads_slowly() -> None:
    output = TerminalOutput()
    reader = output.join(None, holds=True)
    output.add(b"x" * AHEAD)
    assert await waits(output)
    position, data = await output.next(reader, AHEAD)
    assert await waits(output), "sent is not read"
    output.acknowledge(reader, position + len(data))
    assert not await waits(output)


async def test_no_more_is_under_way_than_ctrl_c_can_wait_for() -> None:
    output = TerminalOutput()
    reader = output.join(None, holds=True)
    output.add(b"x" * (4 * AHEAD))
    sent = 0
    while sent < AHEAD:
        sent += len((await output.next(reader, PIECE))[1])
    more = asyncio.create_task(output.next(reader, PIECE))
    await asyncio.sleep(0)
    assert not more.done()
    output.acknowledge(reader, sent)
    assert (await more)[0] == sent


async def test_nobody_is_there_and_nothing_is_lost() -> None:
    output = TerminalOutput()
    reader = output.join(None, holds=True)
    output.part(reader)
    said = 0
    while not await waits(output):
        output.add(bytes([said % 251]) * PIECE)
        said += 1
    assert said * PIECE >= KEPT
    back = output.join(0, holds=True)
    output.finish()
    assert await everything(output, back) == b"".join(bytes([n % 251]) * PIECE for n in range(said))


async def test_who_only_watches_holds_nobody_up_and_is_told_where_he_goes_on() -> None:
    output = TerminalOutput()
    typist, watcher = output.join(None, holds=True), output.join(None, holds=False)
    size = 0
    while size < 4 * HISTORY:
        output.add(b"y" * PIECE)
        size += PIECE
        position, data = await output.next(typist, PIECE)
        output.acknowledge(typist, position + len(data))
        assert not await waits(output)
    position, data = await output.next(watcher, PIECE)
    assert position > 0
    assert data
    assert size - position <= 3 * HISTORY, "what is kept is bounded"


async def test_an_acknowledgement_of_what_was_never_sent_frees_nothing() -> None:
    output = TerminalOutput()
    reader = output.join(None, holds=True)
    output.add(b"x" * AHEAD)
    output.acknowledge(reader, 10**9)
    assert await waits(output)


async def test_a_recorder_that_goes_records_no_more() -> None:
    output = TerminalOutput()
    reader = output.join(None, holds=False)
    output.record(reader, True)
    assert await output.recorders(0) == 1
    waiting = asyncio.create_task(output.recorders(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    output.part(reader)
    assert await waiting == 0
