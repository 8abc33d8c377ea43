"""What the admin API takes and shows of experts."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from doyen_platform.database.storable import JsonObject
from doyen_platform.experts.states import ExpertState
from doyen_platform.gates.context import Context
from doyen_platform.stores.schemas import DocumentIn

# No dots, slashes, NULs or upper case: the name is a directory, a queue, a metric label and a model id.
ExpertName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000, pattern=r"^[^\x00]*$")]
ShortText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$")
]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
DataClass = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,32}$")]
DataClasses = Annotated[list[DataClass], Field(max_length=64)]
GroupPath = Annotated[
    str, StringConstraints(max_length=200, pattern=r"^([a-z0-9][a-z0-9_-]{0,62}(/[a-z0-9][a-z0-9_-]{0,62}){0,7})?$")
]
Usd = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class Price(BaseModel):
    """What a request to the expert costs. The gate expects as many tokens as its answers had lately."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request_usd: Usd = 0.0
    thousand_tokens_usd: Usd = Field(default=0.0, description="for each thousand tokens, read and written alike")

    def of(self, tokens: float) -> float:
        return self.request_usd + self.thousand_tokens_usd * tokens / 1000


class ExampleIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Text
    fine_label: ShortText | None = Field(default=None, description="a finer label under the expert, such as an intent")
    context: Context | None = Field(default=None, description="what a gate may learn from beside the text")


class ExamplesIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    examples: list[ExampleIn] = Field(min_length=1, max_length=20_000)


class ExpertCreate(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "gardening",
                    "description": "Growing vegetables and flowers: soil, watering, pests and pruning.",
                    "documents": [
                        {
                            "title": "Tomatoes",
                            "text": "Water tomatoes at the root in the morning. Prune the side shoots weekly.",
                            "source": "handbook/tomatoes.md",
                        }
                    ],
                    "examples": [{"text": "How often should I water tomatoes?"}],
                }
            ]
        },
    )

    name: ExpertName
    title: ShortText | None = None
    description: Text
    kind: ShortText = "retrieval"
    config: JsonObject = Field(default_factory=dict, description="as the kind's own model takes it")
    tenant: ShortText | None = Field(default=None, description="the only tenant that may use it; null: all may")
    generalist: bool = Field(default=False, description="answers when the gate abstains")
    group: GroupPath = Field(default="", description="path of groups from the top, `law/contracts`; for hierarchical")
    region: Region | None = Field(default=None, description="where the expert, its store and its model are")
    data_classes: DataClasses | None = Field(default=None, description="those that it may see; null: all")
    price: Price = Price()
    documents: list[DocumentIn] = Field(default_factory=list, max_length=10_000)
    examples: list[ExampleIn] = Field(default_factory=list, max_length=20_000)


class ExpertPatch(BaseModel):
    """Fields left out stay as they are, and so does null, but for `region` and `data_classes`: there it is a value.

    A change makes a new version.
    """

    model_config = ConfigDict(extra="forbid")

    title: ShortText | None = None
    description: Text | None = None
    config: JsonObject | None = Field(default=None, description="as the kind's own model takes it")
    generalist: bool | None = None
    group: GroupPath | None = None
    region: Region | None = Field(default=None, description="null: none")
    data_classes: DataClasses | None = Field(default=None, description="null: all")
    price: Price | None = None


class ConfusionView(BaseModel):
    """What hot-adding changes between the newcomer and one neighbour, estimated on the gate's reference texts."""

    expert: str
    theirs_lost: float = Field(description="share of the neighbour's texts that the newcomer would take")
    ours_lost: float = Field(description="share of the newcomer's texts that the neighbour would keep")


class ExpertView(BaseModel):
    id: uuid.UUID
    name: str
    title: str
    description: str
    kind: str
    config: dict[str, Any]  # Any: as the kind's own model dumped it
    tenant: str | None
    generalist: bool
    group: str
    region: str | None
    data_classes: list[str] | None
    price: Price
    state: ExpertState
    state_reason: str | None
    version: int
    store_generation: str | None
    documents: dict[str, int] = Field(description="how many documents are in which state")
    examples: int
    created_at: dt.datetime
    updated_at: dt.datetime


class ExpertRegistered(ExpertView):
    confusion: list[ConfusionView] = Field(
        default_factory=list, description="against each neighbour, worst first; empty while the expert is still loading"
    )


class ExpertList(BaseModel):
    data: list[ExpertView]


class ExampleView(BaseModel):
    id: uuid.UUID
    text: str
    fine_label: str | None
    context: dict[str, str] | None
    origin: str
    created_at: dt.datetime


class ExampleList(BaseModel):
    data: list[ExampleView]
    has_more: bool
    last_id: uuid.UUID | None


class ExamplesAdded(BaseModel):
    added: int
    known_already: int
