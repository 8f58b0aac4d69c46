"""What a want asks for at a certain farm, and a request that asks for it."""

from collections.abc import Sequence
from dataclasses import replace

from boruta_farm.client.farm import Farm
from boruta_farm.model.request import NewRequest
from boruta_farm.selectors.conditions import AnyOf
from boruta_farm.selectors.want import Want
from boruta_farm.selectors.wanted import KINDS, Meant, wanted


async def wanted_here(farm: Farm, want: Want, kinds: Sequence[str] = KINDS) -> Meant:
    """Return what a want asks for among the farm's boards, of which it may have to ask.

    Raises WorkerNotFoundError and AmbiguousWorkerError.
    """
    if want.request is not None or not (want.terms or want.selector):
        return wanted(want, (), kinds)
    page = await farm.workers.list_workers(farm.caller)
    return wanted(want, page.items, kinds)


def asking(new: NewRequest, found: Meant) -> NewRequest:
    """Return a request that asks for what is wanted, too.

    What contradicts what it asks for already goes into its selector, for the farm to refuse.
    """
    caps = dict(new.caps or {})
    rest = [text for text in (new.selector, found.selector) if text]
    for name, value in found.caps.items():
        if caps.setdefault(name, value) != value:
            rest.append(str(AnyOf(name=name, values=(value,))))
    return replace(new, caps=caps, selector=", ".join(rest) or None)
