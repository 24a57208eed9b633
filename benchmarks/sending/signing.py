"""A DKIM key made for one run, and whether what is signed with it verifies."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support import verifier

from mailer.mail.dkim import Key, read_key


@dataclass(frozen=True)
class Signing:
    """A key: its domain, its selector and the PEM file with the private part."""

    domain: str
    selector: str
    key: str

    @property
    def settings(self) -> dict[str, Any]:
        """The product's [dkim]."""
        return {"domain": self.domain, "keys": ({"selector": self.selector, "file": self.key},)}

    def verifies(self, message: bytes, *, ours: bool) -> bool:
        """Whether the signature on a message is good; that of others only dkimpy can tell, where it is installed."""
        if ours:
            private = read_key(Path(self.key).read_bytes())
            return verifier.verify(message, Key(self.selector, private), domain=self.domain) == [True]
        if not verifier.HAS_DKIMPY:
            return b"DKIM-Signature:" in message
        dkim = importlib.import_module("dkim")
        record, name = Key(self.selector, read_key(Path(self.key).read_bytes())).record, self.selector.encode()
        return bool(dkim.verify(message, dnsfunc=lambda asked, timeout=5: record.encode() if name in asked else None))


def new_key(folder: Path) -> Signing:
    """A new RSA key of 2048 bits in `folder`."""
    file = folder / "dkim.pem"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kinds = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *kinds))
    file.chmod(0o600)
    return Signing("example.org", "bench", str(file))
