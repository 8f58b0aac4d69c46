"""Hand-made gob streams, for what no sane sender produces."""

from boruta_farm.gorpc.primitives import encode_bytes, encode_int, encode_text, encode_uint


def message(content: bytes) -> bytes:
    """Frame a message."""
    return encode_bytes(content)


def value(type_id: int, content: bytes) -> bytes:
    """Make the message of a top-level value."""
    return message(encode_int(type_id) + content)


def define(type_id: int, kind: int, body: bytes) -> bytes:
    """Make the content of a definition: kind 1 array, 2 slice, 3 struct, 4 map, 5 opaque."""
    common = b"\x01\x02" + encode_int(type_id) + b"\x00"
    return encode_int(-type_id) + encode_uint(kind) + common + body + b"\x00\x00"


def struct(type_id: int, **fields: int) -> bytes:
    """Make the content of a struct's definition."""
    described = b"".join(
        b"\x01" + encode_text(name) + b"\x01" + encode_int(field) + b"\x00"
        for name, field in fields.items()
    )
    body = b"\x01" + encode_uint(len(fields)) + described if fields else b""
    return define(type_id, 3, body)


def slice_of(type_id: int, element: int) -> bytes:
    """Make the content of a slice's definition."""
    return define(type_id, 2, b"\x01" + encode_int(element))


def array_of(type_id: int, element: int, length: int) -> bytes:
    """Make the content of an array's definition."""
    return define(type_id, 1, b"\x01" + encode_int(element) + b"\x01" + encode_int(length))


def map_of(type_id: int, key: int, element: int) -> bytes:
    """Make the content of a map's definition."""
    return define(type_id, 4, b"\x01" + encode_int(key) + b"\x01" + encode_int(element))
