"""A certificate authority and a certificate for 127.0.0.1 signed by it, for servers over TLS."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = dt.datetime.now(dt.timezone.utc)


def certificate(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    signing_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> bytes:
    """Create a certificate, as PEM, that is valid from one day ago until one day from now."""
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    by = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)])
    builder = x509.CertificateBuilder().subject_name(named).issuer_name(by).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - dt.timedelta(days=1))
    builder = builder.not_valid_after(NOW + dt.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    if not authority:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signing_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def write_bundle(folder: Path) -> tuple[Path, Path]:
    """Write the authority's PEM, and the PEM of a certificate for 127.0.0.1 with its key; returns both paths."""
    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "ca.pem").write_bytes(certificate("ca", "ca", authority, authority, authority=True))
    (folder / "own.pem").write_bytes(
        certificate("own", "ca", own, authority, authority=False) + own.private_bytes(*pem)
    )
    return folder / "ca.pem", folder / "own.pem"
