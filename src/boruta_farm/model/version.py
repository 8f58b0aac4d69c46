"""What runs at the other end: asked by whoever knows nothing of it yet."""

from dataclasses import dataclass
from typing import Annotated

from boruta_farm.model.declared import Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Tell the versions of a server and its API."""

    server: Annotated[str, Shown("Server", ours=False)]
    api: Annotated[str, Shown("API_Version", ours=False)]
    api_state: Annotated[str, Shown("API_State", ours=False)] = ""
