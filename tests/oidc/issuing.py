"""An issuer in this process, which signs whatever a test wants it to: real ones will not.

The real provider is in ``tests/e2e/test_sign_in.py``.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jws
from joserfc.jwk import ECKey, Key
from joserfc.registry import HeaderParameter

from boruta_farm.clock import Clock

ISSUER = "https://login.example"
CLIENT = "boruta"
FARM = "https://farm.example:8487"

Answer = Callable[[httpx.Request], httpx.Response | None]


def key(name: str = "k1") -> ECKey:
    return ECKey.generate_key("P-256", {"kid": name, "use": "sig"}, auto_kid=False)


class Issuing(httpx.AsyncBaseTransport):
    """Publish, sign and answer as OpenID Connect's code, device and refresh flows have it.

    ``claims`` are what it says of whoever signs in, ``instead`` may answer in its place.
    """

    def __init__(self, clock: Clock, issuer: str = ISSUER) -> None:
        self.issuer = issuer
        self.clock = clock
        self.signing: ECKey = key()
        self.published: list[Key] = [self.signing]
        self.claims: dict[str, Any] = {
            "sub": "0042",
            "preferred_username": "ann",
            "name": "Ann Able",
            "groups": ["staff"],
        }
        self.beside: dict[str, Any] = {}
        """What userinfo tells besides."""
        self.metadata: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.instead: Answer = lambda _request: None
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.confirmed = False
        self.refusing = ""
        self.refreshes = 0

    def sign(self, **changed: Any) -> str:
        """Return a token of whoever signs in, its claims changed; None leaves one out."""
        now = int(self.clock.now().timestamp())
        usual = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300}
        claims = {**usual, **self.claims, **changed}
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"typ": "JWT", "alg": "ES256", "kid": self.signing.kid, **self.header}
        header = {name: value for name, value in header.items() if value is not None}
        known = {name: HeaderParameter("of a test", "str") for name in {"x"} & self.header.keys()}
        registry = jws.JWSRegistry(known, ["ES256"], strict_check_header=False)
        # Escapes and numbers as they may stand there, which joserfc would not write.
        payload = json.dumps(claims).encode()
        return jws.serialize_compact(header, payload, self.signing, registry=registry)

    def authorize(self, address: str) -> dict[str, str]:
        """Have somebody sign in at the address he was sent to; return what he is sent back with."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.asked.append(request.url.path)
        told = self.instead(request)
        if told is not None:
            return told
        match request.url.path:
            case "/.well-known/openid-configuration":
                return _json(self._metadata())
            case "/jwks":
                return _json({"keys": [one.as_dict(private=False) for one in self.published]})
            case "/userinfo":
                return _json({"sub": self.claims["sub"], **self.beside})
            case "/device":
                return _json(
                    {
                        "device_code": "device-1",
                        "user_code": "WDJB-MJHT",
                        "verification_uri": f"{self.issuer}/confirm",
                        "expires_in": 600,
                        "interval": 5,
                    }
                )
            case "/token":
                return self._token(request)
        return httpx.Response(404)

    def _token(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        if self.refusing:
            return _json({"error": self.refusing}, 400)
        match form["grant_type"]:
            case "authorization_code":
                asked = self.codes.pop(form["code"], None)
                if asked is None:
                    return _json({"error": "invalid_grant"}, 400)
                challenge = create_s256_code_challenge(form["code_verifier"])
                if challenge != asked["code_challenge"]:
                    return _json({"error": "invalid_grant"}, 400)
                assert form["redirect_uri"] == asked["redirect_uri"]
                return self._tokens(nonce=asked["nonce"])
            case "refresh_token":
                if form["refresh_token"] != f"refresh-{self.refreshes}":
                    return _json({"error": "invalid_grant"}, 400)
                self.refreshes += 1
                return self._tokens()
            case _:
                if not self.confirmed:
                    return _json({"error": "authorization_pending"}, 400)
                return self._tokens()

    def _tokens(self, **claims: Any) -> httpx.Response:
        return _json(
            {
                "access_token": "access",
                "token_type": "Bearer",
                "id_token": self.sign(**{**claims, **self.claims}),
                "refresh_token": f"refresh-{self.refreshes}",
            }
        )

    def _metadata(self) -> Mapping[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "device_authorization_endpoint": f"{self.issuer}/device",
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }


def _json(content: object, status: int = 200) -> httpx.Response:
    return httpx.Response(
        status,
        content=json.dumps(content).encode(),
        headers={"content-type": "application/json"},
    )
