"""`/v1/models` with the OpenAI client."""

from __future__ import annotations

import openai
import pytest
from tests.platform.conftest import Domains


def test_the_list_has_auto_and_the_callers_experts(domains: Domains) -> None:
    models = {model.id: model for model in domains.server.openai(domains.app).models.list()}
    assert {"auto", *domains.names.values()} <= models.keys()
    cooking = models[domains.names["cooking"]]
    assert (cooking.object, cooking.owned_by) == ("model", domains.tenant)
    assert cooking.created > 1_700_000_000
    stranger = domains.server.openai(domains.server.key("app", tenant=domains.server.tenant()))
    assert not {model.id for model in stranger.models.list()} & set(domains.names.values())


def test_one_model_is_retrieved_and_an_unknown_one_is_404(domains: Domains) -> None:
    client = domains.server.openai(domains.app)
    name = domains.names["astronomy"]
    assert client.models.retrieve(name).id == name
    assert client.models.retrieve("auto").id == "auto"
    with pytest.raises(openai.NotFoundError) as unknown:
        client.models.retrieve("gpt-nobody")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError):
        domains.server.openai("dk-wrong").models.list()
