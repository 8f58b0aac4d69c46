"""What stops the start, for real: the helper ends with the key's name, the reason and the fix."""

import pytest

from boruta_farm.dryad.users.remote import RemoteHost
from tests.dryad.rooms import UUID, HelperFailedError, Room, start_helper, write_config

OTHER = "11111111-2222-4333-8444-555555555555"


def words(room: Room, uuid: str = OTHER, **tables: dict[str, object]) -> str:
    """Start a helper that must fail, and return what it said."""
    with pytest.raises(HelperFailedError) as failed:
        start_helper(room, write_config(room.folder, uuid, **tables))
    return str(failed.value)


def test_a_group_that_does_not_exist(room: Room) -> None:
    text = words(room, user={"groups": ["no-such-group"]})
    assert "user.groups: there is no group 'no-such-group'" in text
    assert "groupadd --system no-such-group" in text


def test_a_shell_and_a_home_that_do_not_exist(room: Room) -> None:
    assert "user.shell: there is no /bin/none" in words(room, user={"shell": "/bin/none"})
    assert "user.home: /none is no folder" in words(room, user={"home": "/none"})


def test_an_account_that_is_not_ours_is_never_touched(room: Room) -> None:
    room.sh("useradd -m somebody; echo x > /home/somebody/file")
    text = words(room, user={"name": "somebody"})
    assert "user.name: the account 'somebody' has uid" in text
    assert "not made by this agent and is not touched" in text
    assert room.sh("cat /home/somebody/file") == "x\n"
    assert "user.name: the account 'root'" in words(room, user={"name": "root"})


def test_a_group_that_is_not_ours_is_never_touched(room: Room) -> None:
    room.sh("groupadd -g 1998 somegroup")
    text = words(room, user={"name": "somegroup"})
    assert "user.name: the group 'somegroup' has gid 1998" in text
    assert room.sh("getent group somegroup").startswith("somegroup:")


def test_two_boards_that_would_share_a_user_or_uids(room: Room, helper: RemoteHost) -> None:
    text = words(room, user={"name": "boruta-user", "uids": "72000-72009"})
    assert "user.name" in text
    assert "give this board another" in text
    text = words(room, user={"name": "boruta-b", "uids": "70990-71010"})
    assert "user.uids: 70990-71010 overlaps 70000-70999" in text


def test_one_board_kept_twice(room: Room, helper: RemoteHost) -> None:
    second = room.folder / "second.conf"
    text = write_config(room.folder).read_text()
    second.write_text(text.replace(f"{UUID}.sock", "second.sock"))
    with pytest.raises(HelperFailedError, match="another agent on this host keeps the board"):
        start_helper(room, second)


def test_a_configuration_that_others_may_write(room: Room) -> None:
    config = write_config(room.folder, OTHER)
    config.chmod(0o666)
    with pytest.raises(HelperFailedError, match=r"others may write to .*chmod go-w"):
        start_helper(room, config)
    config.unlink()


async def test_root_groups_are_told(room: Room) -> None:
    """Nothing stops a board whose user can become root, but it is not hidden."""
    user = {"name": "boruta-c", "uids": "73000-73009", "groups": ["disk", "dialout"]}
    remote = start_helper(room, write_config(room.folder, OTHER, user=user))
    assert (await remote.inspect()).root_groups == ("disk",)
