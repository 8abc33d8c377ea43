"""What is stored of a request's features tells nothing to who has not the installation's key."""

from __future__ import annotations

import base64
import json
import stat
import uuid
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from tests.conftest import make_settings, serving
from tests.platform.conftest import ASKED, DOMAINS, Domains, register

from doyen_platform.database.transactions import Database
from doyen_platform.decisions.models import DecisionRow
from doyen_platform.decisions.sealing import KEY_FILE, Seal, SealBroken, SecretKeyUnusable, open_seal
from doyen_platform.routing.conversation import routing_text
from doyen_router.text_features import features

ID, OTHER_ID = uuid.UUID(int=1), uuid.UUID(int=2)
FEATURES = np.linspace(-1, 1, 600).astype("<f2").tobytes()


def test_what_was_sealed_opens_again_and_never_looks_the_same() -> None:
    seal = Seal(bytes(32))
    first, second = seal.seal(ID, FEATURES), seal.seal(ID, FEATURES)
    assert seal.opened(ID, first) == seal.opened(ID, second) == FEATURES
    assert first[:12] != second[:12]
    assert first[12:] != second[12:]


def test_another_key_or_another_decision_opens_nothing() -> None:
    sealed = Seal(bytes(32)).seal(ID, FEATURES)
    with pytest.raises(SealBroken, match=str(ID)):
        Seal(b"1" * 32).opened(ID, sealed)
    with pytest.raises(SealBroken, match=str(OTHER_ID)):
        Seal(bytes(32)).opened(OTHER_ID, sealed)


def test_an_altered_or_cut_byte_is_told() -> None:
    seal = Seal(bytes(32))
    sealed = seal.seal(ID, FEATURES)
    for place in (0, 11, 12, len(sealed) // 2, len(sealed) - 1):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(SealBroken):
            seal.opened(ID, bytes(altered))
    for length in (0, 5, 12, 27, len(sealed) - 1):
        with pytest.raises(SealBroken):
            seal.opened(ID, sealed[:length])
    with pytest.raises(SealBroken):
        seal.opened(ID, FEATURES)


def test_a_key_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    sealed = open_seal(settings).seal(ID, FEATURES)
    key = tmp_path / KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    assert open_seal(settings).opened(ID, sealed) == FEATURES
    key.unlink()
    with pytest.raises(SealBroken):
        open_seal(settings).opened(ID, sealed)


def test_replicas_with_one_secret_open_each_others(tmp_path: Path) -> None:
    one, two = (make_settings(tmp_path / name, secret="a secret of the installation") for name in ("one", "two"))
    assert open_seal(two).opened(ID, open_seal(one).seal(ID, FEATURES)) == FEATURES
    assert not (tmp_path / "one").exists()
    assert "a secret" not in repr(one)


def test_a_secret_that_can_be_guessed_and_a_cut_key_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="16"):
        make_settings(tmp_path, secret="short")
    (tmp_path / KEY_FILE).write_bytes(b"cut")
    with pytest.raises(SecretKeyUnusable, match=r"secret\.key cannot be used: it has 3 bytes"):
        open_seal(make_settings(tmp_path))


def test_neither_database_nor_journal_tells_the_words_and_another_key_ends_replay(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path)) as server:
        names = {domain: register(server, tenant=None, domain=domain) for domain in DOMAINS}
        own = Domains(server, "default", server.key("app"), server.key("admin"), names)
        platform = server.platform
        lines: list[bytes] = []
        append = platform.recorder._journal.append
        platform.recorder._journal.append = lambda line: (lines.append(line), append(line))[1]  # type: ignore[method-assign]
        question = ASKED["cooking"]
        decision = own.ask(question).headers["x-doyen-decision-id"]
        platform.recorder.flush()
        plain = features(platform.encoder, [routing_text(question)])[0].astype("<f2")
        stored = _features(platform.database, decision)
        (journalled,) = [base64.b64decode(json.loads(line)["features"]) for line in lines]
        assert journalled == stored
        opened = platform.seal.opened(uuid.UUID(decision), stored)
        assert _likeness(plain, opened) > 0.99, "the test looks for another thing than what is stored"
        for offset in range(2):
            assert abs(_likeness(plain, stored[12 + offset : 12 + offset + plain.nbytes])) < 0.2
    (tmp_path / KEY_FILE).unlink()
    with serving(make_settings(tmp_path)) as server, server.http() as http:
        told = http.post(f"/admin/decisions/{decision}/replay")
        assert (told.status_code, told.json()["identical"]) == (200, None)
        assert told.json()["differences"] == ["features: sealed with another key, or altered since"]
        seen = http.get(f"/v1/routing/decisions/{decision}").json()
        assert seen["unexplained"] == told.json()["differences"]


def _features(database: Database, decision: str) -> bytes:
    with database.read() as session:
        found = session.get_one(DecisionRow, uuid.UUID(decision)).features
    assert found is not None
    return found


def _likeness(plain_F: np.ndarray, stored: bytes) -> float:
    """Correlation of where the sketch and the vector are not zero, and of their signs, with what is stored."""
    stored_F = np.frombuffer(stored, "<f2").astype(np.float64)
    signs_F = np.sign(np.nan_to_num(stored_F))
    return float(np.corrcoef(np.sign(plain_F.astype(np.float64)), signs_F)[0, 1])
