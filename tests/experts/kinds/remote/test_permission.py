"""Private addresses need two to agree: the expert's config and the operator of the host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from doyen_experts.contract import ExpertSpec, Resources
from doyen_experts.kinds.remote import RemoteKind
from doyen_experts.kinds.remote.errors import PrivateAddressesForbidden

SPEC = ExpertSpec(
    name="local",
    kind="remote",
    version=1,
    description="A server beside this one.",
    config={"base_url": "http://127.0.0.1:9/v1", "model": "m", "allow_private_addresses": True},
)


def test_an_owner_alone_cannot_reach_private_addresses(resources: Resources) -> None:
    with pytest.raises(PrivateAddressesForbidden, match="DOYEN_ALLOW_PRIVATE_ADDRESSES"):
        RemoteKind().open(SPEC, replace(resources, allow_private_addresses=False))


def test_with_the_operators_leave_it_opens(resources: Resources) -> None:
    RemoteKind().open(SPEC, resources).close()
