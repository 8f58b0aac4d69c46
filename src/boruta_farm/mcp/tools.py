"""Which of the desk's acts are tools, told without the SDK."""

from typing import Final

READING: Final = ("find_boards", "explain", "boards", "tools", "read_file", "console_log")
ACTING: Final = (
    *("borrow", "run_command", "put_file", "get_file", "write_file", "power", "press"),
    *("console_send", "console_expect", "flash", "prolong", "give_back"),
)
