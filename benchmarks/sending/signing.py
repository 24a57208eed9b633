"""A DKIM key made for one run, and whether what is signed with it verifies."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass(frozen=True)
class Signing:
    """A key: its domain, selector, the PEM file with the private part, and the DNS record of the public one."""

    domain: str
    selector: str
    key: str
    record: str

    @property
    def settings(self) -> dict[str, Any]:
        """The product's [dkim]."""
        return {"domain": self.domain, "keys": ({"selector": self.selector, "file": self.key},)}

    def verifies(self, message: bytes) -> bool:
        """Whether dkimpy finds a good signature on a message."""
        import dkim

        def dns(name: bytes, timeout: int = 5) -> bytes:
            wanted = f"{self.selector}._domainkey.{self.domain}."
            return self.record.encode() if name.decode().rstrip(".") + "." == wanted else b""

        return bool(dkim.verify(message, dnsfunc=dns))


def new_key(folder: Path) -> Signing:
    """A new RSA key of 2048 bits in `folder`."""
    file = folder / "dkim.pem"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kinds = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *kinds))
    file.chmod(0o600)
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Signing("example.org", "bench", str(file), f"v=DKIM1; k=rsa; p={b64encode(public).decode()}")
