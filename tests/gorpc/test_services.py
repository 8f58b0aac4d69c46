import pytest
from tests.gorpc.captures import METHODS
from tests.gorpc.values import _ARGUMENTS, _REPLIES

from boruta_farm.gorpc.schema import Empty, GoInterface
from boruta_farm.gorpc.services import PUBLIC_KEY

INTERFACE_METHODS = [
    "PowerTick",
    "DUT",
    "TS",
    "GetCurrent",
    "StartCurrentRecord",
    "StopCurrentRecord",
    "GetCurrentRecord",
    "HDMI",
    "SetDyper",
    "SetLED",
    "ClearDisplay",
    "PrintText",
]


def test_the_methods_are_those_of_the_original() -> None:
    assert set(METHODS) == {
        "Superviser.Register",
        "Superviser.SetFail",
        "Dryad.PutInMaintenance",
        "Dryad.Prepare",
        "Dryad.Healthcheck",
        *(f"Interface.{name}" for name in INTERFACE_METHODS),
    }


@pytest.mark.parametrize("name", sorted(METHODS))
def test_types_are_named_after_their_method(name: str) -> None:
    method = METHODS[name]
    assert method.argument.name == name.replace(".", "") + "Request"
    assert method.reply.name == name.replace(".", "") + "Response"


@pytest.mark.parametrize("name", sorted(METHODS))
def test_only_the_known_methods_have_fields(name: str) -> None:
    method = METHODS[name]
    assert (method.argument.record is not Empty) == (name in _ARGUMENTS)
    assert (method.reply.record is not Empty) == (name in _REPLIES)


def test_the_key_types_have_the_names_go_registers() -> None:
    assert isinstance(PUBLIC_KEY, GoInterface)
    assert [concrete.name for concrete in PUBLIC_KEY.concretes] == [
        "*ssh.rsaPublicKey",
        "golang.org/x/crypto/ssh.ed25519PublicKey",
    ]
