"""What can go wrong between two gob peers, by what is left of the connection afterwards.

After a ``BrokenStreamError`` the connection is useless and is closed. After a ``MismatchError``
or a ``ServerError`` the stream is intact and the next call works.
"""

from boruta_farm.model.errors import ProtocolError, UnavailableError


class BrokenStreamError(ProtocolError):
    """the peer sent bytes that are no gob stream; the connection is closed"""

    code = "gob-broken"


class StreamLimitError(BrokenStreamError):
    """the peer sent more than this side accepts; the connection is closed"""

    code = "gob-limit"


class MismatchError(ProtocolError):
    """a value does not have the type that was agreed"""

    code = "gob-mismatch"


class InvalidKeyError(MismatchError):
    """not a public key this protocol can carry: it takes ssh-rsa and ssh-ed25519"""

    code = "gob-bad-key"


class ServerError(ProtocolError):
    """the called side answered with an error

    Raised by ``Client.call`` with the exact text of the reply. A handler raises it (or any other
    ``BorutaError``) to send that text.
    """

    code = "rpc-server-error"


class DisconnectedError(UnavailableError):
    """connection is shut down"""

    code = "rpc-disconnected"


class CallTimeoutError(UnavailableError):
    """the called side did not answer in time; whether it acted is unknown"""

    code = "rpc-timeout"
