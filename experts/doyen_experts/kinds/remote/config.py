"""How a remote expert is set up. A key is only ever named; there is no field that could hold one."""

from __future__ import annotations

import ipaddress
import re
from typing import Self

import httpx2
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from doyen_experts.kinds.remote.addresses import is_public

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,1000}")
# Those that carry a credential, and those that the HTTP client writes itself.
_RESERVED_HEADERS = {
    *("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key", "x-auth-token"),
    *("host", "content-length", "content-type", "transfer-encoding", "connection"),
}


class RemoteConfig(BaseModel):
    """`base_url` is what an OpenAI client would be given, with its /v1. `api_key_ref` names a secret of the host."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(max_length=2_000)
    model: str = Field(min_length=1, max_length=200)
    api_key_ref: str | None = Field(default=None, min_length=1, max_length=200)
    timeout_seconds: float = Field(default=60.0, gt=0, le=3_600)
    connect_timeout_seconds: float = Field(default=5.0, gt=0, le=60)
    max_retries: int = Field(default=2, ge=0, le=5)
    system_prompt: str | None = Field(default=None, max_length=20_000)
    price_per_million_prompt_tokens_usd: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    price_per_million_completion_tokens_usd: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    allow_private_addresses: bool = False
    extra_headers: dict[str, str] = Field(default_factory=dict)

    @field_validator("base_url")
    @classmethod
    def _is_plain_url(cls, value: str) -> str:
        try:
            url = httpx2.URL(value)
        except httpx2.InvalidURL as error:
            raise ValueError("is no URL") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("must be an http or https URL with a host")
        if url.port is not None and not 0 < url.port < 65_536:
            raise ValueError("has a port that does not exist")
        if url.userinfo or url.query or url.fragment:
            raise ValueError("must have no user, query or fragment; name the key in api_key_ref")
        return value.rstrip("/")

    @field_validator("extra_headers")
    @classmethod
    def _are_free_headers(cls, value: dict[str, str]) -> dict[str, str]:
        for name, content in value.items():
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(content):
                raise ValueError(f"{name[:40]!r} is no plain HTTP header")
            if name.lower() in _RESERVED_HEADERS:
                raise ValueError(f"{name!r} may not be set here; name the key in api_key_ref")
        return value

    @model_validator(mode="after")
    def _is_reachable(self) -> Self:
        host = httpx2.URL(self.base_url).host
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return self  # a name: judged at every connection, since it may come to mean another address
        if not self.allow_private_addresses and not is_public(host):
            raise ValueError("base_url is a private, local or reserved address; set allow_private_addresses if wanted")
        return self

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        prompt = prompt_tokens * self.price_per_million_prompt_tokens_usd
        return (prompt + completion_tokens * self.price_per_million_completion_tokens_usd) / 1_000_000
