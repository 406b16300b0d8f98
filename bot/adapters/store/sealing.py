"""Encryption of raw payloads at rest: AES-256-GCM with a fresh 96-bit nonce each, source name as associated data."""

import hashlib
import os
import threading
import zlib

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.domain.errors import Permanent

_NONCE_BYTES = 12
_SMALL_BYTES = 2048
# No zlib stream begins with it.
_AS_IT_IS = b"\x00"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# No payload is larger; what says so was not made here.
_MOST_BYTES = 256 * 1024 * 1024


class _Packers(threading.local):
    """The two sides of Zstandard; neither may be used by two threads at once."""

    def __init__(self) -> None:
        self.pack = zstandard.ZstdCompressor(level=1, write_checksum=False).compress
        self.unpack = zstandard.ZstdDecompressor().decompress


_packers = _Packers()


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
            return _unpacked(packed)
        except (zlib.error, zstandard.ZstdError) as error:
            message = "a stored payload opens but does not unpack; it was damaged before it was sealed"
            raise Permanent(message) from error


def _packed(body: bytes) -> bytes:
    """Zstandard; a small body stands as it is behind a mark, since compressing it costs more than it saves."""
    return _packers.pack(body) if len(body) > _SMALL_BYTES else _AS_IT_IS + body


def _unpacked(packed: bytes) -> bytes:
    """Either kind, or the zlib stream of an older version."""
    if packed.startswith(_AS_IT_IS):
        return packed[1:]
    if packed.startswith(_ZSTD_MAGIC):
        if not 0 <= zstandard.frame_content_size(packed) <= _MOST_BYTES:
            message = "no size, or one that no payload has"
            raise zstandard.ZstdError(message)
        return _packers.unpack(packed)
    stream = zlib.decompressobj()
    body = stream.decompress(packed, _MOST_BYTES)
    if not stream.eof:
        message = "cut off, or larger than any payload"
        raise zlib.error(message)
    return body
