"""Raw payloads at rest: what was sealed opens as it was, older rows too, and what nobody sealed like this is refused."""

import os
import zlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.adapters.store.sealing import Sealer
from bot.domain.errors import Permanent

LABEL = "prod"
CUT = zlib.compress(os.urandom(20_000))[:-9]
HUGE = b"\x28\xb5\x2f\xfd\xe0" + (1 << 40).to_bytes(8, "little") + b"\x01\x00\x00"


class Older(Sealer):
    """Seals any bytes as an older version sealed what it had packed itself."""

    def keep(self, packed: bytes) -> bytes:
        """Nonce and ciphertext."""
        nonce = os.urandom(12)
        cipher: AESGCM = self._cipher
        return nonce + cipher.encrypt(nonce, packed, LABEL.encode())


@pytest.mark.parametrize("size", [0, 1, 2048, 2049, 70_000])
def test_a_body_opens_as_it_was(size: int) -> None:
    sealer = Sealer(b"s" * 32)
    body = (b'{"alerts": [%d]}' % size * 5000)[:size]
    sealed = sealer.seal(body, label=LABEL)
    assert sealer.open(sealed, label=LABEL) == body
    assert len(sealed) < 2048 + 64
    with pytest.raises(Permanent, match="STORAGE_KEY"):
        sealer.open(sealed, label="another")


@pytest.mark.parametrize("body", [b"", b"small", os.urandom(30_000), b"alert " * 50_000])
def test_rows_of_older_versions_open(body: bytes) -> None:
    older = Older(b"s" * 32)
    assert older.open(older.keep(zlib.compress(body, 1)), label=LABEL) == body


@pytest.mark.parametrize("packed", [b"", b"neither", CUT, HUGE, HUGE[:6]])
def test_what_does_not_unpack_is_said(packed: bytes) -> None:
    older = Older(b"s" * 32)
    with pytest.raises(Permanent, match="does not unpack"):
        older.open(older.keep(packed), label=LABEL)
