"""Requests as JSON, printed only once: records never change, a changed request is another."""

from weakref import ref

from boruta_farm.model.request import Request
from boruta_farm.web.answers import encode, request_answer


class _Printed(ref[Request]):
    """Hold the text of a record for as long as somebody else holds the record."""

    __slots__ = ("number", "text")

    number: int
    text: bytes


class Printed:
    """Print requests, and remember the texts by the very objects they were printed from.

    A text, about 0.6 KiB, lives as long as its record: the store decides which it keeps, and
    nothing is kept here besides. What a caller may not see is left out of the object before it
    comes here, so one caller's text can never be shown to another who sees less.
    """

    def __init__(self) -> None:
        self._printed: dict[int, _Printed] = {}

    def one(self, request: Request) -> bytes:
        """Return a request's JSON."""
        known = self._printed.get(request.id)
        if known is not None and known() is request:
            return known.text
        printed = _Printed(request, self._forget)
        printed.number = request.id
        printed.text = encode(request_answer(request))
        self._printed[request.id] = printed
        return printed.text

    def _forget(self, printed: ref[Request]) -> None:
        """Drop the text of a record that is gone, unless a newer one has its place."""
        if isinstance(printed, _Printed) and self._printed.get(printed.number) is printed:
            self._printed.pop(printed.number, None)
