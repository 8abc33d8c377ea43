"""Logs for operators: one line each on standard error. What callers wrote never gets in: only named fields do."""

from __future__ import annotations

import logging
import logging.config


def configure_logs(level: str) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
            "root": {"level": "WARNING", "handlers": ["stderr"]},
            "loggers": {"doyen_platform": {"level": level.upper()}, "doyen_workers": {"level": level.upper()}},
        }
    )
