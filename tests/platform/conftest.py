"""Three small domains with documents of their own, in a tenant of their own, on the platform that tests share."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Server

Json = dict[str, Any]  # Any: JSON as it came

DOMAINS: dict[str, Json] = {
    "gardening": {
        "description": "Growing vegetables, fruit and flowers: soil, watering, pests, pruning and compost.",
        "documents": [
            {
                "title": "Watering tomatoes",
                "text": "Water tomatoes at the root early in the morning, twice a week. Wet leaves invite blight.",
            },
            {
                "title": "Pruning roses",
                "text": "Prune roses in late winter, above an outward-facing bud. Remove dead wood first.",
            },
            {
                "title": "Compost",
                "text": "A compost heap needs green and brown material in layers. Turn it every month for air.",
            },
        ],
        "examples": [
            {"text": "How often should I water tomatoes?"},
            {"text": "When are roses pruned?"},
            {"text": "What goes on a compost heap?"},
        ],
    },
    "astronomy": {
        "description": "Stars, planets, galaxies and telescopes: what is in the night sky and how it is observed.",
        "documents": [
            {
                "title": "Jupiter's moons",
                "text": "Jupiter has four large moons that Galileo saw in 1610: Io, Europa, Ganymede and Callisto. "
                "Ganymede is the largest moon of the solar system.",
            },
            {
                "title": "Telescopes",
                "text": "A reflecting telescope gathers light with a mirror, a refractor with a lens.",
            },
            {
                "title": "Supernovae",
                "text": "A massive star ends as a supernova when its iron core collapses.",
            },
        ],
        "examples": [
            {"text": "Which moons does Jupiter have?"},
            {"text": "How does a reflecting telescope work?"},
            {"text": "What happens when a massive star dies?"},
        ],
    },
    "cooking": {
        "description": "Cooking at home: sauces, bread, pasta, roasting, and how to keep food.",
        "documents": [
            {
                "title": "Bechamel sauce",
                "text": "Melt butter, stir in flour, and add warm milk slowly while whisking. Season with nutmeg.",
            },
            {
                "title": "Sourdough bread",
                "text": "Feed the sourdough starter in the evening. Knead the dough and let it rise for eight hours.",
            },
            {
                "title": "Cooking pasta",
                "text": "Cook pasta in plenty of salted boiling water, a minute less than the packet says.",
            },
        ],
        "examples": [
            {"text": "How do I make a bechamel sauce?"},
            {"text": "How long does sourdough bread rise?"},
            {"text": "How much salt goes into pasta water?"},
        ],
    },
}
ASKED = {
    "gardening": "How do I prune a rose bush?",
    "astronomy": "Which planet has the moon Europa?",
    "cooking": "How do I make bread at home?",
}
OUTSIDE = "How do I file my tax return?"


@dataclass(frozen=True)
class Domains:
    """`names` are the experts' real names by domain; `admin` is a key of the tenant's own admin."""

    server: Server
    tenant: str
    app: str
    admin: str
    names: dict[str, str]

    def ask(self, question: str, *, key: str | None = None, **body: object) -> Any:  # Any: an HTTP response
        content = {"model": "auto", "messages": [{"role": "user", "content": question}]} | body
        with self.server.http(key or self.app) as http:
            return http.post("/v1/chat/completions", json=content)


def register(server: Server, *, tenant: str | None, domain: str, **more: object) -> str:
    return server.expert(tenant=tenant, **(DOMAINS[domain] | more))


def make_domains(server: Server, *, prompt_storage: str = "full") -> Domains:
    tenant = server.tenant(prompt_storage)
    names = {domain: register(server, tenant=tenant, domain=domain) for domain in DOMAINS}
    return Domains(server, tenant, server.key("app", tenant=tenant), server.key("admin", tenant=tenant), names)


@pytest.fixture(scope="session")
def domains(server: Server) -> Domains:
    """For tests that only ask; who changes experts makes domains of their own."""
    return make_domains(server)


@pytest.fixture
def new_domains(server: Server) -> Callable[[], Domains]:
    return lambda: make_domains(server)


@pytest.fixture
def echo(server: Server) -> Callable[..., tuple[str, str]]:
    """Makes a tenant with one echo expert: (the expert's name, an app key)."""

    def make(prompt_storage: str = "hash", **config: object) -> tuple[str, str]:
        tenant = server.tenant(prompt_storage)
        name = server.expert(kind="echo", tenant=tenant, config=config)
        return name, server.key("app", tenant=tenant)

    return make


def unique(word: str) -> str:
    return f"{word}-{uuid.uuid4().hex[:12]}"
