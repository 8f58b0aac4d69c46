from boruta_farm.gorpc import schema, services
from boruta_farm.gorpc.schema import Empty, GoNamed, GoStruct, is_zero, zero
from boruta_farm.gorpc.services import SetFailRequest


def test_every_type_has_a_zero() -> None:
    nested = GoStruct(name="E", record=Empty)
    named = GoNamed(record=Empty, attribute="data", schema=schema.BYTES)
    assert zero(schema.BOOL) is False
    assert zero(schema.STRING) == ""
    assert zero(schema.BIG_INT) == 0
    assert zero(services.SET_FAIL.argument) == SetFailRequest(uuid="", reason="")
    assert zero(nested) == Empty()
    assert zero(services.PUBLIC_KEY) is None
    assert named.schema is schema.BYTES


def test_zeros_are_told_from_values() -> None:
    zeros: tuple[object, ...] = (None, False, 0, 0.0, "", b"", (), [], {})
    others: tuple[object, ...] = (True, 1, -1.5, "x", b"\x00", (0,), {"": ""}, Empty())
    assert all(is_zero(each) for each in zeros)
    assert not any(is_zero(each) for each in others)
