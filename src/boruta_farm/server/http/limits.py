"""Settings of what connections, streams and boards may take of the server."""

from dataclasses import dataclass
from datetime import timedelta

from boruta_farm.access.messages import USUAL, TunnelBounds
from boruta_farm.gorpc.callers import Places
from boruta_farm.gorpc.superviser import PLACES
from boruta_farm.model.settings import FarmSettings
from boruta_farm.server.http.bounds import MEBIBYTE, Bounds
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Duration, Whole
from boruta_farm.web.services import WebOptions

SHORTEST = timedelta(seconds=1)
BOUNDS = Bounds()
FARM = FarmSettings()
WEB = WebOptions()


@dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """Carry the limits; each field's name is its key in the file."""

    connections: int = setting(
        Whole(1),
        "HTTP connections that may be open at once. One more takes the place of the oldest without "
        "a call of the address that has most, or is refused.",
        default=BOUNDS.connections,
    )
    connections_per_source: int = setting(
        Whole(1),
        "The same for one address, or one /64 network of IPv6. Trusted proxies are not counted.",
        default=BOUNDS.connections_per_source,
    )
    unread_answers: int = setting(
        Whole(1),
        "MiB of answers that may wait to be read by their callers; while there are more, calls "
        "are refused before any work is done for them.",
        default=BOUNDS.unread // MEBIBYTE,
    )
    unread_answers_per_source: int = setting(
        Whole(1),
        "The same for one address; only its own calls are refused. Trusted proxies are not "
        "counted.",
        default=BOUNDS.unread_per_source // MEBIBYTE,
    )
    head_patience: timedelta = setting(
        Duration(SHORTEST),
        "How long the head of a call, and a TLS handshake, may take to arrive.",
        default=timedelta(seconds=BOUNDS.head_patience),
    )
    body_patience: timedelta = setting(
        Duration(SHORTEST),
        "How long the body of a call may take to arrive, and how long the rest of a refused one "
        "is waited for.",
        default=timedelta(seconds=BOUNDS.body_patience),
    )
    reader_patience: timedelta = setting(
        Duration(SHORTEST),
        "How long a caller may leave an answer unread, or take less than 64 KiB of it, before his "
        "connection is cut.",
        default=timedelta(seconds=BOUNDS.reader_patience),
    )
    refused_body: int = setting(
        Whole(1),
        "MiB of the body of a refused call that are read and thrown away, so that callers who "
        "read only after sending find the answer; beyond them the connection is cut.",
        default=BOUNDS.refused_body // MEBIBYTE,
    )
    websocket_frames: int = setting(
        Whole(1),
        "Frames that are taken from an agent's WebSocket in a second; whoever sends more waits.",
        default=int(BOUNDS.websocket_frames),
    )
    websocket_pings: int = setting(
        Whole(1),
        "Pings among them; whoever sends more is cut off.",
        default=int(BOUNDS.websocket_pings),
    )
    event_streams: int = setting(
        Whole(1), "Event streams that may be open at once.", default=WEB.event_streams
    )
    event_streams_per_source: int = setting(
        Whole(1), "The same for one address.", default=WEB.event_streams_per_source
    )
    event_streams_per_account: int = setting(
        Whole(1),
        "The same for one account, where users are asked for.",
        default=WEB.event_streams_per_account,
    )
    registrations_per_board: int = setting(
        Whole(),
        "How often in a minute a board may register, or report that it failed, in the long run: "
        "each is written into journal and audit. 0: as often as it likes.",
        default=FARM.registrations_per_board,
    )
    new_boards_per_source: int = setting(
        Whole(),
        "How many boards of one address that the farm does not know may try to register in a "
        "minute, in the long run. A good join token is not counted. 0: any number.",
        default=FARM.new_boards_per_source,
    )
    new_boards: int = setting(
        Whole(), "The same for all addresses together.", default=FARM.new_boards
    )
    rpc_connections: int = setting(
        Whole(1, 65_536),
        "Connections of boards over Go RPC that may be open at once. One more takes the place of "
        "the oldest without a call under way of the address that has most, or is refused.",
        default=PLACES.in_total,
    )
    rpc_connections_per_source: int = setting(
        Whole(1, 65_536),
        "The same for one address: one more takes the place of its own oldest.",
        default=PLACES.per_source,
    )
    rpc_calls_per_source: int = setting(
        Whole(),
        "Calls over Go RPC that one address may make in a second, in the long run; who makes more "
        "waits for his answers. 0: as many as it likes.",
        default=PLACES.calls,
    )
    tunnel_connections: int = setting(
        Whole(1, 4096),
        "Connections that one job's tunnel takes at a time; further ones are told in the log.",
        default=USUAL.connections,
    )
    tunnel_silent: int = setting(
        Whole(1, 4096),
        "How many of them may come from one address without having said anything yet, as SSH's "
        "clients do at once. Beyond that the oldest is cut; an IPv6 /64 counts as one address.",
        default=USUAL.silent,
    )
    tunnel_patience: timedelta = setting(
        Duration(timedelta(milliseconds=100)),
        "How long a connection to a tunnel may say nothing.",
        default=timedelta(seconds=USUAL.patience),
    )
    stream_greetings: int = setting(
        Whole(4, 4096),
        "Connections of agents at stream_addr that have not said yet whose they are, a quarter of "
        "them from one address. Beyond that the oldest is cut.",
        default=USUAL.greeting,
    )

    def tunnel_bounds(self) -> TunnelBounds:
        """Return how many connections the relay takes."""
        return TunnelBounds(
            connections=self.tunnel_connections,
            silent=self.tunnel_silent,
            patience=self.tunnel_patience.total_seconds(),
            greeting=self.stream_greetings,
        )

    def rpc_places(self) -> Places:
        """Return how many connections of boards over Go RPC are served."""
        return Places(
            in_total=self.rpc_connections,
            per_source=self.rpc_connections_per_source,
            calls=self.rpc_calls_per_source,
        )

    def bounds(self) -> Bounds:
        """Return what connections may take of the server's memory and time."""
        return Bounds(
            connections=self.connections,
            connections_per_source=self.connections_per_source,
            unread=self.unread_answers * MEBIBYTE,
            unread_per_source=self.unread_answers_per_source * MEBIBYTE,
            head_patience=self.head_patience.total_seconds(),
            body_patience=self.body_patience.total_seconds(),
            reader_patience=self.reader_patience.total_seconds(),
            refused_body=self.refused_body * MEBIBYTE,
            websocket_frames=self.websocket_frames,
            websocket_pings=self.websocket_pings,
        )
