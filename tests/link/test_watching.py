import asyncio

from boruta_farm.link.watching import LinkWatch


async def test_changes_are_told_once_in_order() -> None:
    watches: set[LinkWatch] = set()
    watch = LinkWatch(watches)
    for uuid in ("a", "b", "a"):
        watch.tell(uuid)
    assert [await watch.next(), await watch.next()] == ["a", "b"]
    waiting = asyncio.ensure_future(watch.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    watch.tell("a")
    assert await waiting == "a"


def test_a_closed_watch_is_forgotten() -> None:
    watches: set[LinkWatch] = set()
    watch = LinkWatch(watches)
    watch.close()
    watch.close()
    assert not watches
