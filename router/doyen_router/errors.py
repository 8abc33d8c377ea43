"""What can go wrong, by kind. Every part raises these; only the platform knows what HTTP answer a kind becomes.

DoyenError
├── NotFound      the thing named does not exist, or not for this caller
├── Conflict      the thing exists already, or changed meanwhile
├── Forbidden     the caller is known and may not
├── Invalid       the input cannot be used; says what and where
└── Unavailable   right as asked, but not now; may say when to try again
"""


class DoyenError(Exception):
    """An error is a fact with data; its message is made where it is raised."""

    code = "error"


class NotFound(DoyenError):
    code = "not_found"


class Conflict(DoyenError):
    code = "conflict"


class Forbidden(DoyenError):
    code = "forbidden"


class Invalid(DoyenError):
    code = "invalid"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class Unavailable(DoyenError):
    code = "unavailable"

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
