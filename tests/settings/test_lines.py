"""The line of a setting is found as a reader would find it."""

import pytest

from boruta_farm.settings.lines import find_line

TEXT = """\
server = "x"  # line 1

[tools.power]
driver = "exec"
"odd name" = 1
[tools."more power"]  # a remark
a.b = 2
[tools]
reset = { driver = "gpio" }
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("server",), 1),
        (("tools", "power"), 3),
        (("tools", "power", "driver"), 4),
        (("tools", "power", "odd name"), 5),
        (("tools", "power", "missing"), 3),
        (("tools", "more power", "a", "b"), 7),
        (("tools", "reset", "driver"), 9),
        (("nothing",), None),
    ],
)
def test_lines(path: tuple[str, ...], line: int | None) -> None:
    assert find_line(TEXT, path) == line
