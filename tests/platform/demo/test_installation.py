"""The demo's way into a running platform: what is done, is done once; what was interrupted, goes on."""

from __future__ import annotations

import json
from pathlib import Path

from conftest import make_settings, serving, until  # type: ignore[import-not-found]  # pytest puts it on the path

