"""A remote expert reaches the open internet and nothing behind it, whatever a name pretends to be."""

from __future__ import annotations

import pytest

from doyen_experts.kinds.remote import AddressRefused, RemoteConfig, RemoteKind, addresses
from doyen_experts.registry import ConfigInvalid, validate_config

PRIVATE = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("64:ff9b::7f00:1", "2002:7f00:1::", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_told_from_public_ones(address: str) -> None:
    assert not addresses.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(address: str) -> None:
    assert addresses.is_public(address)


@pytest.mark.parametrize("url", ["http://127.0.0.1/v1", "http://[::1]:8080/v1", "https://169.254.169.254/latest"])
def test_a_private_address_is_refused_when_it_is_configured(url: str) -> None:
    with pytest.raises(ConfigInvalid, match="allow_private_addresses"):
        validate_config("remote", {"base_url": url, "model": "m"})


@pytest.mark.parametrize("found", [["10.0.0.1"], ["1.1.1.1", "127.0.0.1"]])
def test_a_name_that_means_a_private_address_is_refused_when_it_connects(
    monkeypatch, resources, spec, ask, found: list[str]
) -> None:
    monkeypatch.setattr(addresses, "resolved", lambda host, port: found)
    config = {"base_url": "http://harmless.example/v1", "model": "m"}
    expert = RemoteKind().open(spec("remote", config), resources)
    (failure,) = expert.answer([ask("x")])
    assert isinstance(failure, AddressRefused)
    expert.close()


def test_localhost_is_refused_by_name(resources, spec, ask) -> None:
    expert = RemoteKind().open(spec("remote", {"base_url": "http://localhost:1/v1", "model": "m"}), resources)
    assert isinstance(expert.answer([ask("x")])[0], AddressRefused)
    expert.close()


def test_the_connection_goes_to_the_judged_address_under_the_old_name(monkeypatch, server, play, remote, ask) -> None:
    monkeypatch.setattr(addresses, "resolved", lambda host, port: ["127.0.0.2", "127.0.0.1"])
    expert = remote(base_url=f"http://model.example:{server.port}/v1")
    server.plays = [play.whole("here")]
    assert expert.answer([ask("x")])[0].text == "here"
    assert server.headers[0]["host"] == f"model.example:{server.port}"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"base_url": "ftp://x.example"}, "http or https"),
        ({"base_url": "http:///v1"}, "host"),
        ({"base_url": "http://user:pw@x.example/v1"}, "api_key_ref"),
        ({"base_url": "http://x.example/v1?key=1"}, "api_key_ref"),
        ({"base_url": "http://x.example:99999/"}, "base_url"),
        ({"api_key": "sk-1"}, "api_key"),
        ({"extra_headers": {"Authorization": "Bearer x"}}, "api_key_ref"),
        ({"extra_headers": {"X-Api-Key": "x"}}, "api_key_ref"),
        ({"extra_headers": {"x-a": "b\r\nauthorization: c"}}, "no plain HTTP header"),
        ({"max_retries": 100}, "max_retries"),
        ({"price_per_million_prompt_tokens_usd": float("inf")}, "price_per_million"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
    ],
)
def test_a_config_that_would_leak_or_misbehave_is_refused(changed: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigInvalid, match=told) as caught:
        validate_config("remote", {"base_url": "https://api.example/v1", "model": "m"} | changed)
    assert "sk-1" not in str(caught.value)
    assert "Bearer" not in str(caught.value)


def test_prices_make_a_cost() -> None:
    config = RemoteConfig(base_url="https://api.example/v1/", model="m", price_per_million_completion_tokens_usd=3)
    assert config.base_url == "https://api.example/v1"
    assert config.cost_usd(10, 1_000_000) == pytest.approx(3.0)
