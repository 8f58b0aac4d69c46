"""Messages are signed as receivers' libraries expect."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from boruta_farm.model.webhook import fault_of, read_secret, secret_text
from boruta_farm.notify.notice import Notice, NoticeKind, signed

AT = datetime.fromtimestamp(1614265330, UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = Notice(
    name="msg_p5jXN8AQM9LWM0D4loKWxJek",
    kind=NoticeKind.GRANTED,
    at=AT,
    owner="ann",
    data={"Request": 7},
)


def test_the_published_example_comes_out() -> None:
    """It is the one that the specification's own libraries are tested with."""
    headers = signed(MESSAGE, b'{"test": 2432232314}', read_secret(SECRET), AT)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_what_is_signed_is_id_time_and_body() -> None:
    body = MESSAGE.body()
    secret = bytes(range(32))
    signature = signed(MESSAGE, body, secret, AT)["webhook-signature"].removeprefix("v1,")
    text = f"{MESSAGE.name}.1614265330.".encode() + body
    wanted = hmac.new(secret, text, hashlib.sha256).digest()
    assert base64.b64decode(signature) == wanted
    assert json.loads(body) == {
        "type": "request.granted",
        "timestamp": "2021-02-25T15:02:10Z",
        "data": {"Request": 7},
    }


def test_secrets_are_read_as_they_are_written() -> None:
    assert read_secret(secret_text(bytes(range(32)))) == bytes(range(32))
    bare = SECRET.removeprefix("whsec_")
    for wrong in ("", "whsec_", "whsec_AAAA", bare, "whsec_\u00fc", f"{SECRET}!"):
        with pytest.raises(ValueError, match="is no signing secret") as told:
            read_secret(wrong)
        assert bare not in str(told.value)


@pytest.mark.parametrize(
    "url",
    [
        *("", "host/path", "ftp://host/", "https://", "https://user:secret@host/", "https://a b/"),
        *("https://host:0/", "https://host:99999/", "https://h\u00f6st/", "https://host/\r\nX: y"),
        f"https://host/{'x' * 2000}",
    ],
)
def test_what_is_no_webhook(url: str) -> None:
    fault = fault_of(url)
    assert fault is not None
    assert "secret" not in fault


def test_what_is_one() -> None:
    assert fault_of("https://hooks.example/T0/B0?x=1") is None
    assert fault_of("http://[2001:db8::1]:8080") is None
