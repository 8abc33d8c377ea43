"""What a gate may learn from beside the text: named features of a request, the same in headers and in examples."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

LOCALE = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$"
FEATURE = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"

Name = Annotated[str, StringConstraints(pattern=NAME)]


class Context(BaseModel):
    """Of an example: the features that a request for it would have."""

    model_config = ConfigDict(extra="forbid")

    locale: Annotated[str, StringConstraints(pattern=LOCALE, to_lower=True)] | None = None
    feature: Annotated[str, StringConstraints(pattern=FEATURE)] | None = Field(
        default=None, description="part of the application that asks"
    )
    previous: Name | None = Field(default=None, description="the expert that answered the session last")
    tenant: Name | None = None

    def named(self) -> dict[str, str]:
        return {name: value for name, value in self if value is not None}
