"""What somebody else keeps for us: sealed, for one purpose, until a time.

So no server has to remember what another began.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from boruta_farm.contracts import Cipher
from boruta_farm.model.errors import SignInRefusedError, StoreError

LONGEST = 6000
"""Characters: with what else stands in it, a cookie has some 4,096 bytes in every browser."""


def seal(cipher: Cipher, purpose: str, texts: Mapping[str, str], until: datetime) -> str:
    """Return texts as one that only ``unseal`` can read, for the same purpose."""
    content = json.dumps({**texts, "until": until.timestamp()}).encode()
    return base64.urlsafe_b64encode(cipher.seal(content, purpose)).decode().rstrip("=")


def unseal(cipher: Cipher, purpose: str, sealed: str, now: datetime) -> Mapping[str, str]:
    """Return the texts. Raises SignInRefusedError for what is none of ours, or too old."""
    try:
        if not sealed or len(sealed) > LONGEST:
            raise ValueError
        padded = sealed + "=" * (-len(sealed) % 4)
        content = cipher.open(base64.b64decode(padded, altchars=b"-_", validate=True), purpose)
        found = json.loads(content)
        until = datetime.fromtimestamp(found.pop("until"), UTC)
    except (StoreError, binascii.Error, ValueError, KeyError):
        raise SignInRefusedError(
            "this browser or program did not begin this sign-in here; begin anew"
        ) from None
    if until <= now:
        raise SignInRefusedError("this sign-in took too long; begin anew")
    return {name: str(text) for name, text in found.items()}
