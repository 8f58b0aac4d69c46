"""How much a text takes."""

from json.encoder import encode_basestring


def size_of(text: str | None) -> int:
    """Return how many bytes a text takes where it is told, in JSON without its quotes.

    That is what memory and network pay for: a character may take up to six.
    """
    if text is None:
        return 0
    return len(encode_basestring(text).encode("utf-8", "surrogatepass")) - 2
