"""What the two ends of a tunnel over the server's own port agree on (issue 14)."""

from typing import Final

TUNNEL: Final = "reqs/{request_id}/tunnel"
"""Its path below the API's prefix."""
PIECE: Final = 32 * 1024
"""Bytes of one message, at most."""
REFUSED: Final = 4403
"""With what a WebSocket to a board is closed that is refused, or not allowed any more."""
BOARD_CLOSED: Final = 4000
"""With what it is closed when the board has hung up."""
