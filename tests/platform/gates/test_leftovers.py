"""What a killed or a stopping server leaves of a training: no prompts in the data directory, no process."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from tests.conftest import make_settings, serving

from doyen_platform.gates.training import GateTraining


def test_a_restart_deletes_what_a_killed_training_left(tmp_path: Path) -> None:
    left = tmp_path / "gates" / "training-k1ll3d"
    (left / "gate").mkdir(parents=True)
    (left / "examples.jsonl").write_text(json.dumps({"text": "a user's prompt"}))
    with serving(make_settings(tmp_path)) as server, server.http() as http:
        assert http.get("/readyz").is_success
        assert not left.exists()


def test_a_child_that_starts_while_the_platform_closes_is_ended(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path / "data")) as server:
        platform = server.platform
        training = GateTraining(platform.database, platform.keeper, tmp_path, encoder=None)
        training.close()  # there is no child yet
        (tmp_path / "examples.jsonl").write_text("")
        with pytest.raises(RuntimeError, match="exit code -15"):
            training._run_child(uuid.uuid4(), tmp_path)
