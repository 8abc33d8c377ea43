"""Features of requests are encrypted before they leave the process: they tell which words a text had.

It knows neither what the bytes mean nor where they are stored.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from doyen_platform.settings import Settings
from doyen_router.errors import Invalid

KEY_BYTES, NONCE_BYTES = 32, 12
KEY_FILE = "secret.key"


class SealBroken(Invalid):
    """AES-GCM does not tell a foreign key from altered bytes, nor either from another decision's features."""

    code = "seal_broken"

    def __init__(self, decision_id: uuid.UUID) -> None:
        super().__init__(f"the features of decision {decision_id} were sealed with another key, or altered since")
        self.decision_id = decision_id


class SecretKeyUnusable(Invalid):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"the key of stored features {path} cannot be used: {reason}; bring it back from a backup, set "
            "DOYEN_SECRET, or remove it for a new one (what was sealed with it can then not be replayed)"
        )


class Seal:
    """AES-256-GCM (NIST SP 800-38D): a random nonce in front, the decision's id as associated data."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, decision_id: uuid.UUID, features: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, features, decision_id.bytes)

    def opened(self, decision_id: uuid.UUID, sealed: bytes) -> bytes:
        """Raises `SealBroken`."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], decision_id.bytes)
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            raise SealBroken(decision_id) from None


def open_seal(settings: Settings) -> Seal:
    """By `DOYEN_SECRET`, which processes share, else by a key in the data directory. Raises `SecretKeyUnusable`."""
    if settings.secret is not None:
        return Seal(hashlib.sha256(settings.secret.get_secret_value().encode()).digest())
    return Seal(_own_key(settings.data_dir / KEY_FILE))


def _own_key(path: Path) -> bytes:
    """Made once. The caller holds the directory: nobody else makes one meanwhile."""
    try:
        _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise SecretKeyUnusable(path, error.strerror or str(error)) from error
    if len(key) != KEY_BYTES:
        raise SecretKeyUnusable(path, f"it has {len(key)} bytes, not {KEY_BYTES}")
    return key


def _make_key(path: Path) -> None:
    if path.exists():
        return
    # Complete before it has its name: a process killed here must not leave half a key.
    unnamed = path.with_name(f"{path.name}.new")
    unnamed.unlink(missing_ok=True)
    with os.fdopen(os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(os.urandom(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    unnamed.rename(path)
