"""What our own ends of ssh do for whoever is at the other end: nothing that costs much.

At the door that may be a stranger, behind a tunnel a board that somebody else keeps.
"""

from typing import Final

# With rsa2048-sha256 a key would be made for each connection; in groups of 8,192 bits each exchange
# takes a fifth of a second, and whoever is there may begin one after the other.
# The client's order decides; but dropbear's guesses, by RFC 4253 7.1, right only what stands first
# here, and the library takes each guess that it can use for right.
KEY_EXCHANGES: Final = (
    "curve25519-sha256,*25519*,curve448*,ecdh-sha2-nistp*,diffie-hellman-group14-sha256,"
    "diffie-hellman-group16-sha512"
)
COMPRESSIONS: Final = "none"
"""A packet is unpacked whole, whatever it swells to: one of 100 KB took 200 MB and two seconds."""
