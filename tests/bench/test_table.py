import pytest
from bench.table import Row, markdown, print_table, read_markdown

EARLIER = [
    Row(name="POST", value="900/s", aim=">= 1", met=True),
    Row(name="  its latency", value="7 ms"),
    Row(name="GET", value="2,000/s"),
    Row(name="  its latency", value="3 ms"),
]


def test_today_stands_beside_what_an_earlier_run_has_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    today = [
        Row(name="GET", value="2,100/s", aim=">= 1", met=False),
        Row(name="  its latency", value="2 ms"),
        Row(name="list", value="5/s"),
    ]
    print_table(today, read_markdown(f"# Earlier\n\n{markdown(EARLIER)}\nand words"))
    assert capsys.readouterr().out.splitlines() == [
        "               measured  earlier  aim",
        "GET            2,100/s   2,000/s  >= 1  MISSED",
        "  its latency  2 ms      3 ms",
        "list           5/s",
    ]


def test_a_file_without_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no table of measures"):
        read_markdown("words | only")
