"""What goes wrong with a remote expert. No message holds the key, nor what the other side has written."""

from __future__ import annotations

from doyen_router.errors import Forbidden, Unavailable


class RemoteFailed(Unavailable):
    """`status` is the HTTP status of the other side when there was one; `is_retryable`: it may work in a moment."""

    code = "remote_failed"

    def __init__(
        self,
        name: str,
        reason: str,
        *,
        status: int | None = None,
        is_retryable: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"the remote expert {name!r} {reason}", retry_after_seconds=retry_after_seconds)
        self.status = status
        self.is_retryable = is_retryable


class PrivateAddressesForbidden(Forbidden):
    """An expert's owner may ask for private addresses; only the operator of the host may allow them."""

    code = "private_addresses_forbidden"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the remote expert {name!r} asks for private addresses, which this platform does not allow: "
            "its operator can set DOYEN_ALLOW_PRIVATE_ADDRESSES=true"
        )


class AddressRefused(RemoteFailed):
    code = "address_refused"

    def __init__(self, name: str, host: str) -> None:
        super().__init__(
            name,
            f"may not call {host!r}: it is at a private, local or reserved address; "
            "set allow_private_addresses if that is wanted",
        )
