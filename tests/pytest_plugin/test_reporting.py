"""What reports call files, and how they show what a console said."""

from boruta_farm.pytest_plugin.reporting import SHOWN_LINES, _tail, file_name


def test_names_of_files_are_safe_and_differ() -> None:
    names = [
        "tests/test_a.py::test_x[1/2]",
        "tests/test_a.py::test_x[1:2]",
        "../../etc",
        "",
        "a" * 999,
    ]
    files = [file_name(name) for name in names]
    assert len(set(files)) == len(names)
    for name in files:
        assert "/" not in name
        assert not name.startswith(".")
        assert 0 < len(name) < 200
    assert file_name("rpi4-7") == "rpi4-7"


def test_the_last_lines_are_shown_and_steer_nothing() -> None:
    shown = _tail(b"\x1b[2Jone\r\ntwo\xff\t\x00\n")
    assert shown == "?[2Jone\ntwo\N{REPLACEMENT CHARACTER}\t?"
    assert _tail(b"") == "[it said nothing]"
    long = _tail(b"".join(b"line %d\n" % number for number in range(SHOWN_LINES + 7)))
    assert long.startswith("[7 lines before]\nline 7\n")
    assert long.endswith(f"line {SHOWN_LINES + 6}")
