import json
import tomllib
from dataclasses import replace

import pytest
import tomli_w

from boruta_farm.cli.console import legible
from boruta_farm.cli.options import Output
from boruta_farm.cli.tables import (
    Listing,
    as_json,
    fitting,
    plain_lines,
    print_listing,
    print_record,
    print_table,
)

LISTING = Listing(
    none="nothing",
    headers=("Name", "State"),
    rows=[("lab", "IDLE"), ("a longer name", "")],
    records=[{"Name": "lab"}, {"Name": "größer"}],
    ids=["1", "2"],
)


def test_plain_lines_are_aligned_and_never_cut() -> None:
    lines = list(plain_lines(("Name", "State"), [("x" * 300, "IDLE"), ("y", "BUSY")]))
    assert lines[0] == "NAME" + " " * 298 + "STATE"
    assert [line.index("STATE") if n == 0 else line[302:] for n, line in enumerate(lines)] == [
        302,
        "IDLE",
        "BUSY",
    ]
    assert list(plain_lines(("Name",), [])) == ["NAME"]


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (Output.TABLE, "NAME           STATE\nlab            IDLE\na longer name\n"),
        (Output.IDS, "1\n2\n"),
        (Output.JSONL, '{"Name": "lab"}\n{"Name": "größer"}\n'),
    ],
)
def test_forms(output: Output, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_listing(LISTING, output, None)
    assert capsys.readouterr().out == text


@pytest.mark.parametrize(
    ("output", "columns", "out", "err"),
    [
        (Output.TABLE, None, "", "boruta: nothing\n"),
        (Output.TABLE, "state", "STATE\n", ""),
        (Output.IDS, None, "", ""),
        (Output.JSON, None, "[]\n", ""),
    ],
)
def test_an_empty_table_has_no_header_unless_columns_were_asked_for(
    output: Output, columns: str | None, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_listing(replace(LISTING, rows=[], records=[], ids=[]), output, columns)
    assert capsys.readouterr() == (out, err)


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    print_listing(LISTING, Output.JSON, None)
    assert json.loads(capsys.readouterr().out) == LISTING.records


def test_a_row_is_one_line_on_any_terminal() -> None:
    listing = Listing(
        none="nothing",
        headers=("Name", "State", "Caps", "Held", "Labels"),
        rows=[("lab-rpi4", "IDLE", "c" * 40, "", "l" * 10)],
        records=[{}],
        ids=["1"],
        spare=("Labels", "Caps", "Held"),
    )
    shown = {width: fitting(listing, listing.rows, width) for width in (5, 20, 60, 68, 69, 100)}
    assert shown[5] == [0], "the first column is always there"
    assert shown[20] == [0, 1]
    assert shown[60] == [0, 1, 2], "nobody holds it, so there is nothing to show"
    assert shown[68] == [0, 1, 2]
    assert shown[69] == shown[100] == [0, 1, 2, 4]


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_are_for_terminals_that_want_them(
    no_color: str,
    coloured: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    print_table(("Name", "State"), [("[red]lab", "RUNNING (unreachable)")])
    out = capsys.readouterr().out
    assert ("\x1b[36m" in out) is coloured
    assert "[red]lab" in out, "what a server sends is no markup"


CRAFTED = "a\x1b[2Jb\x7f\x9b\u202ec\U000e0001"


@pytest.mark.parametrize("output", list(Output))
def test_nothing_that_steers_a_terminal_is_printed_in_any_form(
    output: Output, capsys: pytest.CaptureFixture[str]
) -> None:
    listing = Listing(
        none="nothing",
        headers=("Name",),
        rows=[(CRAFTED,)],
        records=[{"Reason": CRAFTED}],
        ids=[CRAFTED],
    )
    print_listing(listing, output, None)
    print_record({f"Board {CRAFTED}": CRAFTED}, {CRAFTED: CRAFTED}, CRAFTED, output)
    printed = capsys.readouterr().out
    assert printed.replace("\n", "").isprintable()


def test_json_with_escapes_means_the_same() -> None:
    assert json.loads(as_json({"Reason": CRAFTED, "Name": "Jürgen"})) == {
        "Reason": CRAFTED,
        "Name": "Jürgen",
    }
    assert "Jürgen" in as_json({"Name": "Jürgen"})


def test_toml_with_escapes_means_the_same() -> None:
    text = legible(tomli_w.dumps({"notes": CRAFTED, CRAFTED: "Jürgen"}), toml=True)
    assert text.replace("\n", "").isprintable()
    assert tomllib.loads(text) == {"notes": CRAFTED, CRAFTED: "Jürgen"}
