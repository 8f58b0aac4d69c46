"""Where the server may listen: beyond this machine only with TLS and users, or flags instead."""

from boruta_farm.model.addresses import is_loopback
from boruta_farm.settings.table import SettingError


def check_listening(
    *,
    api_host: str,
    rpc_host: str | None,
    ssh_host: str | None,
    tls: bool,
    plaintext: bool,
    users: bool,
    anonymous: bool,
) -> None:
    """Raise SettingError for an address that gives something up which nobody has said yes to.

    ``plaintext`` and ``anonymous`` are the two sayings: no TLS, and no users.
    """
    if not is_loopback(api_host):
        if not users and not anonymous:
            raise SettingError(
                f"{_named(api_host)} can be reached from other machines, and this farm asks "
                "nobody who he is: anyone there could take any board. Say --users (users = true), "
                "listen on 127.0.0.1, or say --allow-anonymous (allow_anonymous = true) to accept "
                "that",
                "api_addr",
            )
        if not tls and not plaintext:
            raise SettingError(
                f"{_named(api_host)} can be reached from other machines, and without TLS keys "
                "and tokens can be read on the way. Set tls_certificate and tls_key, put a proxy "
                "in front and listen on 127.0.0.1, or say --allow-plaintext "
                "(allow_plaintext = true) to accept that",
                "api_addr",
            )
    if ssh_host is not None and not is_loopback(ssh_host) and not users and not anonymous:
        raise SettingError(
            f"{_named(ssh_host)} can be reached from other machines, and this farm asks nobody who "
            "he is: anyone there could take any board. Say --users (users = true), listen on "
            "127.0.0.1, or say --allow-anonymous (allow_anonymous = true) to accept that",
            "ssh_addr",
        )
    if rpc_host is not None and not is_loopback(rpc_host) and not anonymous:
        raise SettingError(
            f"{_named(rpc_host)} can be reached from other machines, and Go RPC has no "
            "authentication: anyone there could register boards and fail them. Listen on "
            "127.0.0.1, or say --allow-anonymous (allow_anonymous = true) to accept that",
            "rpc_addr",
        )


def _named(host: str) -> str:
    return host or "every address of this machine"
