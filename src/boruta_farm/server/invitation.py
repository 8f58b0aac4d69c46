"""How people sign in to this server, as far as its own settings tell."""

import socket
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from boruta_farm.model.addresses import is_anywhere, with_port
from boruta_farm.model.login import login_command
from boruta_farm.server.config import Config

AUTHORITY = "ca.pem"
"""Lies beside the certificate where ``boruta config certificate`` made both."""


def login_line(config: Config) -> str:
    """Return the command that signs in to this server.

    The host is one that the certificate bears, else the address that is listened on or told to
    users; the authority is named where the certificate is signed by the one beside it.
    """
    scheme, names, authority = "http", [], None
    if config.tls_certificate is not None:
        scheme = "https"
        certificate = x509.load_pem_x509_certificate(config.tls_certificate.read_bytes())
        names = _names(certificate)
        authority = _authority(config.tls_certificate.parent / AUTHORITY, certificate)
    host, port = config.api_addr
    wildcard = config.public_address or socket.getfqdn()
    reached = wildcard if is_anywhere(host) else host
    if names and reached not in names:
        reached = names[0]
    return login_command(f"{scheme}://{with_port(reached, port)}", authority)


def _names(certificate: x509.Certificate) -> list[str]:
    """Return the hosts that a certificate is for, names before addresses."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    names = [name for name in found.get_values_for_type(x509.DNSName) if "*" not in name]
    return names + [str(address) for address in found.get_values_for_type(x509.IPAddress)]


def _authority(path: Path, certificate: x509.Certificate) -> Path | None:
    """Return the authority's file if it is the one that signed the certificate."""
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(path.read_bytes()))
    except (OSError, ValueError, TypeError, InvalidSignature):
        return None
    return path
