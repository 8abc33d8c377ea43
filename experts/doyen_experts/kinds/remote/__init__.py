"""Kind `remote`: any OpenAI-compatible URL answers, whether a vendor's, vLLM's or that of another Doyen."""

from doyen_experts.kinds.remote.config import RemoteConfig
from doyen_experts.kinds.remote.errors import AddressRefused, RemoteFailed
from doyen_experts.kinds.remote.expert import RemoteExpert, RemoteKind

__all__ = ["AddressRefused", "RemoteConfig", "RemoteExpert", "RemoteFailed", "RemoteKind"]
