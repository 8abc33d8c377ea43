"""What a request says of itself beside its text, in headers: data class, locale, feature, session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Header, Request

from doyen_platform.gates.context import FEATURE, LOCALE
from doyen_platform.sessions.key import SessionKey, given
from doyen_router.errors import Invalid

DATA_CLASS_HEADER = "x-doyen-data-class"


@dataclass(frozen=True, slots=True)
class Hints:
    """`data_class` binds: who may not see it is not asked. The others are context that a gate may have learned."""

    data_class: str | None = None
    locale: str | None = None
    feature: str | None = None
    session: SessionKey | None = None

    def in_session(self, derived: SessionKey | None) -> Hints:
        """With the session that the conversation itself tells of, unless the client named one."""
        return self if self.session is not None else replace(self, session=derived)

    def context(self, tenant: str, previous: str | None) -> Mapping[str, str]:
        named = {"tenant": tenant, "locale": self.locale, "feature": self.feature, "previous": previous}
        return {name: value for name, value in named.items() if value is not None}


NO_HINTS = Hints()


class DataClassTwice(Invalid):
    """A proxy that classifies adds its header to the client's: the weaker of two must not win."""

    code = "data_class_twice"

    def __init__(self) -> None:
        super().__init__(
            f"the header {DATA_CLASS_HEADER} was sent more than once: send it once", param=DATA_CLASS_HEADER
        )


async def _hints(
    request: Request,
    x_doyen_data_class: Annotated[
        str | None, Header(pattern=r"^[a-z0-9_-]{1,32}$", description="only experts that may see this class are asked")
    ] = None,
    x_doyen_locale: Annotated[
        str | None,
        Header(pattern=LOCALE, description="else the first of Accept-Language"),
    ] = None,
    x_doyen_feature: Annotated[
        str | None, Header(pattern=FEATURE, description="part of the application that asks")
    ] = None,
    x_session_id: Annotated[str | None, Header(description="what belongs to one session")] = None,
    x_conversation_id: Annotated[str | None, Header(description="the same")] = None,
    x_claude_code_session_id: Annotated[str | None, Header(description="the same")] = None,
) -> Hints:
    if len(request.headers.getlist(DATA_CLASS_HEADER)) > 1:
        raise DataClassTwice
    return Hints(
        data_class=x_doyen_data_class,
        locale=x_doyen_locale.lower() if x_doyen_locale else first_language(request.headers.get("accept-language")),
        feature=x_doyen_feature,
        session=given((x_session_id, x_conversation_id, x_claude_code_session_id)),
    )


def first_language(accepted: str | None) -> str | None:
    """`de` of "de-DE,de;q=0.9,en": a browser's list says little of the region. None for what is no language."""
    first = (accepted or "").split(",")[0].split(";")[0].split("-")[0].strip()
    return first.lower() if 2 <= len(first) <= 8 and first.isascii() and first.isalpha() else None


RequestHints = Annotated[Hints, Depends(_hints)]
