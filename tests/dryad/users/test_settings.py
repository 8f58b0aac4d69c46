from pathlib import Path

import pytest

from boruta_farm.dryad.uids import UidRange
from boruta_farm.dryad.users.settings import CleanSettings, UserSettings
from boruta_farm.model.errors import ConfigError
from boruta_farm.settings.declaration import read
from boruta_farm.settings.table import Table


def user_of(**content: object) -> UserSettings:
    return read(UserSettings, Table(place="/d.conf", path="user", content=content))


def clean_of(**content: object) -> CleanSettings:
    return read(CleanSettings, Table(place="/d.conf", path="clean", content=content))


def test_defaults() -> None:
    assert user_of() == UserSettings()
    assert clean_of() == CleanSettings()


def test_everything_can_be_said() -> None:
    assert user_of(
        name="lab",
        groups=["dialout"],
        uids="80000-80099",
        shell="/bin/sh",
        skeleton="/srv/skel",
        home="/srv/home",
    ) == UserSettings(
        name="lab",
        groups=("dialout",),
        uids=UidRange(first=80000, last=80099),
        shell="/bin/sh",
        skeleton=Path("/srv/skel"),
        home=Path("/srv/home"),
    )
    assert clean_of(paths=["/srv/scratch"], not_reset=["NVRAM"]) == CleanSettings(
        paths=(Path("/srv/scratch"),), not_reset=("NVRAM",)
    )


@pytest.mark.parametrize(
    ("user", "clean", "words"),
    [
        ({"uids": "x"}, {}, "user.uids: 'x' must be a range"),
        ({"uids": "0-70000"}, {}, "user.uids: 0-70000 must lie between 1000 and"),
        ({"uids": "70000-4294967295"}, {}, "user.uids: .* must lie between"),
        ({"uids": "70001-70000"}, {}, "user.uids: .* must hold 3 or more"),
        ({"uids": "70000-70001"}, {}, "user.uids: .* must hold 3 or more"),
        ({"name": "root\n"}, {}, "user.name: .* is no account's name"),
        ({"name": "-x"}, {}, "user.name"),
        ({"home": "home"}, {}, "user.home: 'home' must be a path"),
        ({"gruops": []}, {}, "user.gruops: there is no such setting; did you mean groups"),
        ({}, {"paths": ["/"]}, "clean.paths: '/' must be a folder's full path"),
        ({}, {"paths": ["/srv/../etc"]}, "clean.paths: .* without '..'"),
        ({}, {"paths": ["srv"]}, "clean.paths: 'srv' must be a path that begins with /"),
    ],
)
def test_wrong_settings_name_their_key(
    user: dict[str, object], clean: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        (user_of(**user), clean_of(**clean))


def test_uids_take_turns_and_the_first_is_kept_back() -> None:
    uids = UidRange(first=70000, last=70003)
    assert [uids.after(uid) for uid in (None, 70001, 70002, 70003, 5)] == [
        *(70001, 70002, 70003, 70001, 70001)
    ]
    assert uids.keeper == 70000
    assert (69999 in uids, 70000 in uids, 70003 in uids, 70004 in uids) == (0, 1, 1, 0)


def test_ranges_overlap_when_they_share_a_uid() -> None:
    uids = UidRange(first=10, last=20)
    assert uids.overlaps(UidRange(first=20, last=30))
    assert UidRange(first=0, last=100).overlaps(uids)
    assert not uids.overlaps(UidRange(first=21, last=30))
