"""Which isolation is taken."""

import pytest

from boruta_farm.dryad.drivers import sandbox_isolation
from boruta_farm.dryad.drivers.sandbox_isolation import Isolation, find_isolation
from boruta_farm.model.errors import BoardError


async def test_the_fallback_is_always_to_be_had() -> None:
    assert await find_isolation(Isolation.SUBREAPER) == (Isolation.SUBREAPER, ())


async def test_without_namespaces_the_fallback_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(command: tuple[str, ...]) -> bool:
        return False

    monkeypatch.setattr(sandbox_isolation, "_succeeds", fail)
    assert await find_isolation(None) == (Isolation.SUBREAPER, ())
    with pytest.raises(BoardError, match="no PID namespace"):
        await find_isolation(Isolation.PID_NAMESPACE)


@pytest.mark.parametrize(("uid", "options"), [(0, [False, True]), (1000, [True])])
async def test_a_user_namespace_is_the_second_choice_of_root(
    monkeypatch: pytest.MonkeyPatch, uid: int, options: list[bool]
) -> None:
    tried = []

    async def fail(command: tuple[str, ...]) -> bool:
        tried.append("--user" in command)
        return False

    monkeypatch.setattr(sandbox_isolation, "_succeeds", fail)
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/unshare")
    await find_isolation(None)
    assert tried == options


async def test_without_unshare_the_fallback_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert await find_isolation(None) == (Isolation.SUBREAPER, ())
