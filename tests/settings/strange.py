"""Values that no setting expects."""

from datetime import date

STRANGE: list[object] = [
    *(None, True, -1, 0, 10**18, 10**400, -(10**5000), 1e308, -0.0),
    *(float("nan"), float("inf"), float("-inf"), date(2026, 1, 1)),
    *([], [[]], [1], {}, {"a": {}}, {"a\nb": 1}, object()),
    *("", " ", "\0", "a\0b", "\n", "x" * 100_000, "9" * 5000, "-9", "\u00b2", "\u0661", "1e400"),
    *("\ud800", "~nobody-of-this-name/x", "[", "[::1", "http://[", "http://a:99999", "1-2-3", ","),
    *("=1", "a=", "1=1,1=2", "99999999999d", "-1s", "NaN", "10.0.0.1/8", "9" * 9 + "-" + "9" * 9),
    *("::1:80", "h:99999", "[::x]:80", "[1.2.3.4]:80", "a..b:80", f"{'a' * 64}.example:80"),
    *(f"http://{'a' * 64}/", "http://a b/", "http://a\nb/"),
]
"""Of each type that TOML, JSON or Python knows, and texts that are almost something."""
