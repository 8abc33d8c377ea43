"""Where a remote expert may connect to. The name is resolved here, every address judged, and the connection made to the
judged address itself, so that a name cannot mean one thing when it is checked and another when it is called.
"""

from __future__ import annotations

import ipaddress
import socket

import httpx2

from doyen_experts.kinds.remote.errors import AddressRefused

# Global by the registries, and yet ways into a private network: IPv4 inside IPv6, a cloud's metadata service.
_REFUSED = [
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "2002::/16", "2001::/32", "192.88.99.0/24", "168.63.129.16/32")
]


def is_public(address: str) -> bool:
    """Whether the address is one of the open internet. Raises ValueError for what is no address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _REFUSED)


def resolved(host: str, port: int) -> list[str]:
    """Addresses of a host in the system's order, each once. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class PinnedTransport(httpx2.BaseTransport):
    """Connects to judged addresses only; the host's name stays in the Host header, in SNI and in the certificate."""

    def __init__(self, name: str, *, allow_private_addresses: bool) -> None:
        self._name = name
        self._allow_private = allow_private_addresses
        self._inner = httpx2.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            addresses = resolved(host, port)
        except (OSError, UnicodeError) as error:
            raise httpx2.ConnectError("its name cannot be resolved", request=request) from error
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise AddressRefused(self._name, host)
        for last, address in zip((*[False] * (len(addresses) - 1), True), addresses, strict=True):
            try:
                return self._inner.handle_request(_pinned(request, address))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if last:
                    raise
        raise httpx2.ConnectError("its name has no address", request=request)

    def close(self) -> None:
        self._inner.close()


def _pinned(request: httpx2.Request, address: str) -> httpx2.Request:
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )
