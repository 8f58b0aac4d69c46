"""The token by which a CI system vouches for its job, as GitHub, GitLab and Jenkins give it.

It is made for one audience: the farm's address as the job knows it. What a server says of
itself is not asked, since one in bad hands could name another audience and pass the token on.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from boruta_farm.client.proxy import proxy_for
from boruta_farm.model.addresses import is_loopback
from boruta_farm.model.errors import ConfigError, UnavailableError
from boruta_farm.settings.files import read_bounded

TOKEN = "BORUTA_ID_TOKEN"
FILE = "BORUTA_ID_TOKEN_FILE"
AUDIENCE = "BORUTA_AUDIENCE"
GITHUB_URL = "ACTIONS_ID_TOKEN_REQUEST_URL"
GITHUB_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"

PATIENCE = 20.0
LONGEST = 16_384


def audience_of(server: str, environment: Mapping[str, str]) -> str:
    """Return for whom the job's token is to be made."""
    return environment.get(AUDIENCE) or server


async def job_token(
    audience: str,
    environment: Mapping[str, str] | None = None,
    inner: httpx.AsyncBaseTransport | None = None,
) -> str:
    """Return the job's own token. Raises ConfigError, UnavailableError.

    ``inner`` replaces the network, for tests.
    """
    environment = os.environ if environment is None else environment
    if given := environment.get(TOKEN, "").strip():
        return _checked(given, TOKEN)
    if path := environment.get(FILE):
        try:
            content = read_bounded(Path(path), LONGEST)
        except OSError as error:
            raise ConfigError(f"{FILE}: {path} cannot be read: {error.strerror}") from None
        return _checked(content.decode("ascii", "replace").strip(), f"{FILE}: {path}")
    url, bearer = environment.get(GITHUB_URL), environment.get(GITHUB_TOKEN)
    if url and bearer:
        return await _of_github(url, bearer, audience, inner)
    raise ConfigError(
        "no CI system vouches for this job here. GitHub: give the job 'permissions: id-token: "
        f"write'; GitLab: 'id_tokens: {TOKEN}: aud: {audience}'; elsewhere put the job's own token "
        f"(OpenID Connect, for {audience}) into {TOKEN}, or name its file in {FILE}"
    )


async def _of_github(
    url: str, bearer: str, audience: str, inner: httpx.AsyncBaseTransport | None
) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname):
        raise ConfigError(f"{GITHUB_URL}: must begin with https")
    proxy = None if is_loopback(parts.hostname) else proxy_for(url, os.environ)
    try:
        async with httpx.AsyncClient(
            timeout=PATIENCE, follow_redirects=False, trust_env=False, transport=inner, proxy=proxy
        ) as client:
            answer = await client.get(
                httpx.URL(url).copy_merge_params({"audience": audience}),
                headers={"authorization": f"Bearer {bearer}"},
            )
        found = answer.json().get("value") if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError, AttributeError) as error:
        raise UnavailableError(
            f"GitHub did not give this job a token ({type(error).__name__}); run the job again"
        ) from error
    if not isinstance(found, str):
        raise UnavailableError(
            f"GitHub did not give this job a token (it answers {answer.status_code}); see that the "
            "job has 'permissions: id-token: write'"
        )
    return _checked(found, "GitHub")


def _checked(token: str, place: str) -> str:
    """Return a signed token (JWT) as far as one can tell; never repeat it."""
    plain = token.isascii() and token.isprintable() and " " not in token
    if token.count(".") != 2 or len(token) > LONGEST or not plain:
        raise ConfigError(f"{place}: holds no signed token (JWT) of the CI system")
    return token
