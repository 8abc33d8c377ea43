"""What an operator can set: environment variables `DOYEN_*`, a `.env` file, or one file a secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from doyen_router.errors import Invalid


class SettingsInvalid(Invalid):
    """Names the variables and what is wrong with them, never their values: one may be a password."""

    def __init__(self, error: ValidationError) -> None:
        wrong = [f"DOYEN_{part['loc'][0]}".upper() + f": {part['msg']}" for part in error.errors(include_input=False)]
        super().__init__("settings that cannot be used: " + "; ".join(wrong))


class Settings(BaseSettings):
    """Read once at the edge (the CLI, `create_app`), then passed along.

    A secret may also be a file, named like its variable in lower case, in `DOYEN_SECRETS_DIR` (default /run/secrets).
    """

    model_config = SettingsConfigDict(env_prefix="DOYEN_", env_file=".env", extra="ignore")

    data_dir: Path = Field(default_factory=lambda: platformdirs.user_data_path("doyen"))
    database_url: SecretStr | None = Field(default=None, description="SQLAlchemy URL; unset: SQLite in data_dir")
    admin_key: SecretStr | None = Field(default=None, description="first-run admin key; unset: one is made and shown")
    secret: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        default=None, description="seals stored features; unset: a key in data_dir; processes of one database share it"
    )
    secrets_dir: Path = Path("/run/secrets")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    log_level: str = "info"

    encoder: str | None = Field(default=None, description="sentence-transformers directory; unset: packaged MiniLM")
    encoder_threads: Annotated[int, Field(ge=1)] = 1
    max_prompt_chars: Annotated[int, Field(ge=1)] = 200_000
    max_body_bytes: Annotated[int, Field(ge=1024)] = 32 * 1024 * 1024

    request_timeout_seconds: Annotated[float, Field(gt=0)] = 120.0
    queue_length: Annotated[int, Field(ge=1)] = 256
    indexing_threads: Annotated[int, Field(ge=1)] = 1
    allow_private_addresses: bool = Field(default=False, description="remote experts may reach private networks")

    def database(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+pysqlite:///{(self.data_dir / 'doyen.db').absolute()}"


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment; `overrides` (the command line's) win."""
    secrets_dir = Path(os.environ.get("DOYEN_SECRETS_DIR", "/run/secrets"))
    try:
        return Settings(_secrets_dir=secrets_dir if secrets_dir.is_dir() else None, **overrides)  # type: ignore[arg-type]  # pydantic-settings types neither
    except ValidationError as error:
        raise SettingsInvalid(error) from None
