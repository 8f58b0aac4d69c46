"""Each source file's tests are found by name, or by a line in the README of the room's tests."""

from tests.architecture.test_imports import MODULES
from tests.nearest import SOURCE, TESTS, nearest, told


def test_every_file_has_tests() -> None:
    lost = []
    for path in MODULES.values():
        tests = nearest(path)
        if path.stem not in ("__init__", "__main__") and not tests:
            lost.append(str(path.relative_to(SOURCE)))
        assert all(test.is_file() for test in tests), f"{path.stem}: {tests}, one is not there"
    assert not lost, "these have no tests of their name, and no README of tests names any"


def test_no_line_of_a_readme_is_out_of_date() -> None:
    for folder in (TESTS, *(place for place in TESTS.iterdir() if (place / "README.md").is_file())):
        room = SOURCE if folder == TESTS else SOURCE / folder.name
        for name in told(folder):
            place = room / name
            assert place.is_file(), f"{folder.name}/README.md tells of {name}, which is not there"
