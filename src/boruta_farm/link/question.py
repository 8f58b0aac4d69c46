"""One hello to a farm for a board that no agent serves at the moment."""

from boruta_farm.contracts import Registered
from boruta_farm.link.conversation import ANSWER_WITHIN, hello_of
from boruta_farm.link.messages import Method, Recognised, Welcome, read, write
from boruta_farm.link.peer import Peer
from boruta_farm.link.socket import Socket
from boruta_farm.model.errors import UnavailableError
from boruta_farm.model.worker import Registration
from boruta_farm.race import race


async def recognise(socket: Socket, registration: Registration) -> bool:
    """Ask whether a board is enrolled (True), or would be by this hello; nothing changes.

    Raises what registering would, UnavailableError, and UnknownMethodError for a farm that is
    older than the question.
    """
    return read(Recognised, await _asked(socket, Method.RECOGNISE, registration)).enrolled


async def register(socket: Socket, registration: Registration) -> Registered:
    """Register a board, and leave it to its agent to come. Raises the farm's errors."""
    welcome = read(Welcome, await _asked(socket, Method.REGISTER, registration))
    return Registered(uuid=welcome.uuid, farm_id=welcome.farm_id, epoch=welcome.epoch)


async def _asked(socket: Socket, method: Method, registration: Registration) -> dict[str, object]:
    peer = Peer(socket, {}, lost=UnavailableError)
    answer: dict[str, object] = {}

    async def ask() -> None:
        hello = write(hello_of(registration))
        answer.update(await peer.call(method, hello, ANSWER_WITHIN))

    try:
        await race(peer.serve(), ask())
    finally:
        await socket.close(1000, "")
    return answer
