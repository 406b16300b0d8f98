"""Encryption of raw payloads at rest: AES-256-GCM with a fresh 96-bit nonce each, source name as associated data."""

import hashlib
import os
import zlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.domain.errors import Permanent

_NONCE_BYTES = 12
_SMALL_BYTES = 2048


class Sealer:
    """Seals and opens payloads with one key, derived by SHA-256 from the configured secret."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"watchkeeper storage" + secret).digest())

    def seal(self, body: bytes, *, label: str) -> bytes:
        """Compress and encrypt; `label` must be given again to open."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, _packed(body), label.encode())

    def open(self, sealed: bytes, *, label: str) -> bytes:
        """Decrypt; raises Permanent when the key or the label is another one."""
        try:
            packed = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label.encode())
        except (InvalidTag, ValueError) as error:
            message = "a stored payload does not open with WATCHKEEPER_STORAGE_KEY; was the key changed?"
            raise Permanent(message) from error
        try:
            return zlib.decompress(packed)
        except zlib.error as error:
            message = "a stored payload opens but does not unpack; it was damaged before it was sealed"
            raise Permanent(message) from error


def _packed(body: bytes) -> bytes:
    """A zlib stream; a small body stands in it as it is, since making a compressor costs more than it saves."""
    if len(body) > _SMALL_BYTES:
        return zlib.compress(body, 1)
    size = len(body).to_bytes(2, "little")
    other = (len(body) ^ 0xFFFF).to_bytes(2, "little")
    return b"\x78\x01\x01" + size + other + body + zlib.adler32(body).to_bytes(4, "big")
