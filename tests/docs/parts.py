"""Parts of a page that are written by a program."""


def between(page: str, begin: str, end: str, text: str) -> str:
    """Return a page with what stands between its two marks replaced."""
    head, found, rest = page.partition(f"<!-- {begin} -->\n")
    assert found, f"the page has no mark {begin!r}"
    _, found, tail = rest.partition(f"<!-- end of {end} -->\n")
    assert found, f"the page has no end of {end!r}"
    return f"{head}<!-- {begin} -->\n{text}<!-- end of {end} -->\n{tail}"
