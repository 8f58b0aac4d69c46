"""What this server is."""

from boruta_farm.model.errors import NotFoundError
from boruta_farm.model.version import Version
from boruta_farm.web.answers import told
from boruta_farm.web.calls import JSON_TYPE, Answer, Call, Endpoint
from boruta_farm.web.services import TellDoor

API_VERSION = "v1"
API_STATE = "devel"


def door_endpoint(door: TellDoor) -> Endpoint:
    """Return the endpoint that tells where plain ssh comes in; NotFoundError where it does not."""

    async def place(_call: Call) -> Answer:
        found = door()
        if found is None:
            raise NotFoundError(
                "this farm has no front door for ssh; its admin opens one by: "
                "boruta serve --ssh-addr :8022"
            )
        return Answer(status=200, headers=(JSON_TYPE,), body=told(found))

    return place


def version_endpoint(server: str) -> Endpoint:
    """Return the endpoint that tells the versions; its answer never changes."""
    answer = Answer(
        status=200,
        headers=(
            JSON_TYPE,
            (b"boruta-server-version", server.encode("latin-1", "replace")),
            (b"boruta-api-version", API_VERSION.encode()),
            (b"boruta-api-state", API_STATE.encode()),
        ),
        body=told(Version(server=server, api=API_VERSION, api_state=API_STATE)),
    )

    async def version(_call: Call) -> Answer:
        return answer

    return version
