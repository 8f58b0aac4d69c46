"""A card that a boot loader starts from: one FAT partition, with a script for U-Boot on it."""

import struct
import zlib
from typing import Final

SECTOR: Final = 512
FIRST: Final = 2048
"""The sector at which the partition begins, as partitioning programs choose it."""

SECTORS: Final = 8192
"""Of the partition; with fewer clusters of one sector it would be FAT12."""

FATS: Final = 2
SECTORS_OF_FAT: Final = 33
ROOT_ENTRIES: Final = 512
_END_OF_FILE: Final = 0xFFFF
_FIRST_CLUSTER: Final = 2
_BOOTABLE: Final = b"\x55\xaa"
_FAT16_BY_LBA: Final = 0x0E
_MAGIC: Final = 0x27051956
_LINUX, _ARM, _SCRIPT = 5, 2, 6


def bootable_card(script: str) -> bytes:
    """Return the content of a card from which U-Boot runs a script as soon as it starts."""
    partition = _fat(b"BOOT    SCR", boot_script(script))
    entry = struct.pack("<8BII", 0x80, 0, 0, 0, _FAT16_BY_LBA, 0, 0, 0, FIRST, SECTORS)
    table = bytes(446) + entry + bytes(48) + _BOOTABLE
    return table + bytes((FIRST - 1) * SECTOR) + partition


def boot_script(script: str) -> bytes:
    """Return a script as U-Boot takes it: behind a header with checksums (its ``image.h``)."""
    text = script.encode()
    data = struct.pack(">II", len(text), 0) + text

    def header(own_sum: int) -> bytes:
        numbers = (_MAGIC, own_sum, 0, len(data), 0, 0, zlib.crc32(data))
        kinds = (_LINUX, _ARM, _SCRIPT, 0)
        return struct.pack(">7I4B32s", *numbers, *kinds, b"made at run time")

    return header(zlib.crc32(header(0))) + data


def _fat(name: bytes, content: bytes) -> bytes:
    """Return a FAT16 file system of one file, whose name is padded to 8 and 3 letters."""
    head = b"\xeb\x3c\x90" + struct.pack(
        "<8sHBHBHHBHHHII",
        *(b"MSWIN4.1", SECTOR, 1, 1, FATS, ROOT_ENTRIES, SECTORS, 0xF8, SECTORS_OF_FAT),
        *(32, 64, FIRST, 0),
    )
    head += struct.pack("<BBBI11s8s", 0x80, 0, 0x29, 1, b"NO NAME    ", b"FAT16   ")
    head = head.ljust(SECTOR - len(_BOOTABLE), b"\0") + _BOOTABLE
    clusters = -(-len(content) // SECTOR)
    following = range(_FIRST_CLUSTER + 1, _FIRST_CLUSTER + clusters)
    chain = (0xFFF8, 0xFFFF, *following, _END_OF_FILE)
    table = struct.pack(f"<{len(chain)}H", *chain).ljust(SECTORS_OF_FAT * SECTOR, b"\0")
    file = struct.pack("<11sB14xHI", name, 0x20, _FIRST_CLUSTER, len(content))
    root = file.ljust(ROOT_ENTRIES * 32, b"\0")
    return (head + table * FATS + root + content).ljust(SECTORS * SECTOR, b"\0")
