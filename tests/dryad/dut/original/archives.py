"""Archives of images, as builds make them."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Mapping


def packed(files: Mapping[str, bytes], form: str = "gz") -> bytes:
    """Return a tar archive, packed or plain."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    match form:
        case "gz":
            return gzip.compress(plain.getvalue(), 1, mtime=0)
        case "bz2":
            return bz2.compress(plain.getvalue(), 1)
        case "xz":
            return lzma.compress(plain.getvalue(), preset=0)
        case _:
            return plain.getvalue()
