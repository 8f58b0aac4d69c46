import pytest

from boruta_farm.gorpc.errors import BrokenStreamError, StreamLimitError
from boruta_farm.gorpc.limits import GobLimits
from boruta_farm.gorpc.types import ListType, MapType, OpaqueType, StructType, TypeTable, WireField


def common(name: str = "T", type_id: int = 65) -> dict[str, object]:
    return {"Name": name, "Id": type_id}


def test_each_kind_is_understood() -> None:
    table = TypeTable()
    fields = [{"Name": "A", "Id": 2}]
    table.define(65, {"StructT": {"CommonType": common("S"), "Field": fields}})
    table.define(66, {"SliceT": {"CommonType": common(), "Elem": 65}})
    table.define(67, {"ArrayT": {"CommonType": common(), "Elem": 2, "Len": 3}})
    table.define(68, {"MapT": {"CommonType": common(), "Key": 6, "Elem": 66}})
    table.define(69, {"TextMarshalerT": {}})
    assert table[65] == StructType(name="S", fields=(WireField(name="A", type_id=2),))
    assert table[66] == ListType(name="T", element=65)
    assert table[67] == ListType(name="T", element=2, length=3)
    assert table[68] == MapType(name="T", key=6, element=66)
    assert table[69] == OpaqueType(name="")


def test_the_id_inside_a_definition_is_ignored() -> None:
    table = TypeTable()
    table.define(68, {"GobEncoderT": {"CommonType": {"Id": 69}}})
    assert table[68] == OpaqueType(name="")
    with pytest.raises(BrokenStreamError):
        table[69]


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"StructT": {}, "MapT": {}},
        {"SliceT": {}},
        {"MapT": {"Key": 6}},
        {"SliceT": {"Elem": -65}},
        {"StructT": {"Field": [{"Name": "A", "Id": 2}, {"Name": "A", "Id": 2}]}},
        {"StructT": {"Field": [{"Id": 2}]}},
        {"StructT": {"Field": [{"Name": "A"}]}},
    ],
)
def test_senseless_definitions_are_broken(definition: object) -> None:
    with pytest.raises(BrokenStreamError):
        TypeTable().define(65, definition)


@pytest.mark.parametrize("type_id", [1, 16, 63])
def test_ids_of_the_format_itself_cannot_be_defined(type_id: int) -> None:
    with pytest.raises(BrokenStreamError):
        TypeTable().define(type_id, {"StructT": {}})


def test_a_type_is_defined_once() -> None:
    table = TypeTable()
    table.define(65, {"StructT": {}})
    with pytest.raises(BrokenStreamError):
        table.define(65, {"StructT": {}})


def test_types_fields_names_and_lengths_have_limits() -> None:
    table = TypeTable(GobLimits(types=1, fields=1, name=3, elements=5))
    two = [{"Name": "A", "Id": 2}, {"Name": "B", "Id": 2}]
    for definition in (
        {"StructT": {"Field": two}},
        {"StructT": {"CommonType": common("long")}},
        {"ArrayT": {"Elem": 2, "Len": 6}},
        {"ArrayT": {"Elem": 2, "Len": -1}},
    ):
        with pytest.raises(StreamLimitError):
            table.define(65, definition)
    table.define(65, {"StructT": {}})
    with pytest.raises(StreamLimitError):
        table.define(66, {"StructT": {}})
    assert len(table) == 1
