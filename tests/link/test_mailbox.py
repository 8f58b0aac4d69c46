"""Messages are read in their order, and who writes too many waits."""

import asyncio

from boruta_farm.link.mailbox import Mailbox


async def test_messages_are_read_in_their_order() -> None:
    box: Mailbox[int] = Mailbox()
    assert box.empty()
    for number in range(3):
        box.put_nowait(number)
    assert not box.empty()
    assert [await box.get() for _ in range(3)] == [0, 1, 2]
    assert box.empty()


async def test_the_reader_waits_for_what_comes() -> None:
    box: Mailbox[str] = Mailbox()
    reading = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    assert not reading.done()
    box.put_nowait("one")
    box.put_nowait("two")
    assert await reading == "one"
    assert await box.get() == "two"


async def test_a_reader_who_gave_up_takes_nothing_along() -> None:
    box: Mailbox[str] = Mailbox()
    reading = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    reading.cancel()
    box.put_nowait("one")
    await asyncio.gather(reading, return_exceptions=True)
    assert reading.cancelled()
    assert await box.get() == "one"


async def test_who_writes_too_many_waits_for_room() -> None:
    box: Mailbox[int] = Mailbox(2)
    writing = [asyncio.create_task(box.put(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert [task.done() for task in writing] == [True, True, False, False, False]
    writing[2].cancel()
    found = [await box.get() for _ in range(4)]
    assert sorted(found) == [0, 1, 3, 4]
    assert box.empty()
    await asyncio.gather(*writing[3:])


async def test_what_is_forgotten_leaves_room() -> None:
    box: Mailbox[int] = Mailbox(1)
    await box.put(1)
    writing = asyncio.create_task(box.put(2))
    await asyncio.sleep(0)
    box.clear()
    await writing
    assert await box.get() == 2
