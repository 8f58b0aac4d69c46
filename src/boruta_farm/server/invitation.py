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
    users; the authority is named where the certificate is signed by the one beside it or by
    itself.
    """
    scheme, names, authority = "http", [], None
    if config.tls_certificate is not None:
        scheme = "https"
        certificate = x509.load_pem_x509_certificate(config.tls_certificate.read_bytes())
        names = _names(certificate)
        beside = config.tls_certificate.parent / AUTHORITY
        authority = _signer((beside, config.tls_certificate), certificate)
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


def _signer(files: tuple[Path, ...], certificate: x509.Certificate) -> Path | None:
    """Return the file of the authority that signed the certificate, if it is one of these."""
    for path in files:
        try:
            authority = x509.load_pem_x509_certificate(path.read_bytes())
            certificate.verify_directly_issued_by(authority)
        except (OSError, ValueError, TypeError, InvalidSignature):
            continue
        return path
    return None
