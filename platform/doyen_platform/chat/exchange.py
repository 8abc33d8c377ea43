"""One chat request after it was routed: ask the chosen experts, combine, and record what happened, once.

It knows neither HTTP nor OpenAI's shapes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field

from doyen_experts.contract import Answer, Delta, ExpertRequest, Usage
from doyen_platform.chat.combination import combine, refusal
from doyen_platform.chat.recording import decision_record
from doyen_platform.chat.schemas import ChatRequest
from doyen_platform.database.table import new_id
from doyen_platform.decisions.context import Contexts
from doyen_platform.decisions.record import Execution
from doyen_platform.decisions.recorder import Recorder
from doyen_platform.decisions.sealing import Seal
from doyen_platform.experts.live import LiveExperts
from doyen_platform.experts.loads import LiveLoads
from doyen_platform.experts.states import ExpertState
from doyen_platform.keys.access import Principal
from doyen_platform.metrics import Metrics
from doyen_platform.routing.conversation import reading
from doyen_platform.routing.hints import NO_HINTS, Hints
from doyen_platform.routing.service import AUTO, Routed, Routing
from doyen_platform.sessions.key import derived
from doyen_platform.sessions.live import LiveSessions
from doyen_platform.tenants.live import LiveTenants
from doyen_router.errors import DoyenError, Invalid
from doyen_workers.dispatch import Dispatcher


class PromptTooLong(Invalid):
    code = "context_length_exceeded"

    def __init__(self, characters: int, most: int) -> None:
        super().__init__(f"the messages have {characters} characters; at most {most} are taken", param="messages")


class NothingAsked(Invalid):
    code = "no_user_message"

    def __init__(self) -> None:
        super().__init__("there is no user message with any text", param="messages")


@dataclass(frozen=True, slots=True)
class Desk:
    """What exchanges need of the platform."""

    routing: Routing
    experts: LiveExperts
    tenants: LiveTenants
    dispatcher: Dispatcher
    recorder: Recorder
    metrics: Metrics
    contexts: Contexts
    seal: Seal
    loads: LiveLoads
    sessions: LiveSessions
    max_prompt_chars: int
    timeout_seconds: float


@dataclass
class Exchange:
    """`model` is the expert that answered, once there is an answer; before, the first chosen."""

    desk: Desk
    caller: Principal
    routed: Routed
    request: ExpertRequest
    asked: str  # whole, where `request.question` is as much of it as the gate reads
    requested_model: str
    streamed: bool
    started: float
    executions: list[Execution] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    expert_ms: float = 0.0

    answered_by: str | None = None

    @property
    def model(self) -> str:
        if self.answered_by is not None:
            return self.answered_by
        return self.routed.choice.chosen[0].expert if self.routed.choice.chosen else AUTO

    @property
    def overhead_ms(self) -> float:
        """All but the experts' own time."""
        return (time.perf_counter() - self.started) * 1e3 - self.expert_ms

    async def answer(self) -> tuple[str, Answer]:
        """The expert that answered (`auto` when none did), and its answer. Recorded whatever happens."""
        with self._recording():
            if not self.routed.choice.chosen:
                return AUTO, self._nobody()
            started = time.perf_counter()
            results = await asyncio.gather(
                *(self._ask(chosen.expert, chosen.weight) for chosen in self.routed.choice.chosen),
                return_exceptions=True,
            )
            self.expert_ms = (time.perf_counter() - started) * 1e3
            failures = [result for result in results if isinstance(result, BaseException)]
            answers = [result for result in results if not isinstance(result, BaseException)]
            if not answers:
                raise failures[0]
            self.answers = [answer for _, _, answer in answers]
            self.answered_by, answer = combine(answers, self.routed.policy.combination)
            return self.answered_by, answer

    async def stream(self) -> AsyncGenerator[Delta]:
        """Token by token from one expert; from several, the combined answer in one piece."""
        chosen = self.routed.choice.chosen
        if len(chosen) != 1:
            _, answer = await self.answer()
            yield Delta(answer.text, answer)
            return
        with self._recording():
            started = time.perf_counter()
            stream = self.desk.dispatcher.stream(chosen[0].expert, self.request)
            with self._executing(chosen[0].expert, chosen[0].weight) as answers:
                async with contextlib.aclosing(stream) as deltas:
                    async for delta in deltas:
                        self.expert_ms = (time.perf_counter() - started) * 1e3
                        if delta.answer is not None:
                            answers.append(delta.answer)
                            self.answers.append(delta.answer)
                        yield delta

    async def _ask(self, expert: str, weight: float) -> tuple[str, float, Answer]:
        with self._executing(expert, weight) as answers:
            answers.append(await self.desk.dispatcher.answer(expert, self.request))
        return expert, weight, answers[0]

    def _nobody(self) -> Answer:
        active = [e for e in self.desk.experts.visible(self.caller.home) if e.state == ExpertState.ACTIVE]
        answer = Answer(refusal(active, self.routed.choice.reason), Usage(0, 0), found=False, score=0.0)
        self.answers.append(answer)
        return answer

    @contextlib.contextmanager
    def _executing(self, expert: str, weight: float) -> Iterator[list[Answer]]:
        """The block puts the expert's answer into the list; what became of it is kept as an execution."""
        started = time.perf_counter()
        answers: list[Answer] = []
        state, error = "cancelled", None
        try:
            yield answers
            state = "answered" if answers and answers[0].found else "not_found"
            self.desk.loads.note(expert, None)
        except Exception as failure:
            state, error = "failed", _code(failure)
            self.desk.loads.note(expert, failure)
            raise
        finally:
            seconds = time.perf_counter() - started
            usage = answers[0].usage if answers else Usage(0, 0)
            self.desk.metrics.execution(expert, state, seconds, usage)
            if answers:
                self.desk.experts.answered(expert, usage.prompt_tokens + usage.completion_tokens)
            self.executions.append(
                Execution(
                    id=new_id(),
                    expert=expert,
                    weight=weight,
                    state=state,
                    error=error,
                    duration_ms=seconds * 1e3,
                    prompt_tokens=usage.prompt_tokens,
                    completion_tokens=usage.completion_tokens,
                    cost_usd=self._cost_usd(expert, answers[0]) if answers else 0.0,
                )
            )

    def _cost_usd(self, expert: str, answer: Answer) -> float:
        """What the expert itself says, else by its price."""
        live = self.desk.experts.find(expert, self.caller.home)
        tokens = answer.usage.prompt_tokens + answer.usage.completion_tokens
        return answer.cost_usd or (live.price.of(tokens) if live is not None else 0.0)

    @contextlib.contextmanager
    def _recording(self) -> Iterator[None]:
        """Records the decision when the block ends, however it ends: a client that goes away is told of too."""
        outcome, error = "cancelled", None
        try:
            yield
            if not self.routed.choice.chosen:
                outcome = "abstained"
            else:
                outcome = "answered" if any(answer.found for answer in self.answers) else "not_found"
            if outcome == "answered" and not self.routed.choice.abstained:
                # A generalist that stood in once is no reason to leave the session's expert.
                self.desk.sessions.note(self.caller.home, self.routed.hints.session, self.model)
        except Exception as failure:
            outcome, error = "failed", _code(failure)
            raise
        finally:
            self._record(outcome, error)

    def _record(self, outcome: str, error: str | None) -> None:
        routed, tenant = self.routed, self.caller.home
        self.desk.recorder.record(
            decision_record(
                routed,
                self.caller,
                self.desk.tenants.prompt_storage(tenant),
                self.desk.contexts.of(routed.policy.policy, routed.snapshot),
                self.desk.seal,
                asked=self.asked,
                requested_model=self.requested_model,
                streamed=self.streamed,
                outcome=outcome,
                error=error,
                expert_ms=self.expert_ms,
                total_ms=(time.perf_counter() - self.started) * 1e3,
                executions=self.executions,
            )
        )
        self.desk.metrics.decision(self.model, outcome, routed.choice)


async def open_exchange(
    desk: Desk, caller: Principal, body: ChatRequest, *, streamed: bool, hints: Hints = NO_HINTS
) -> Exchange:
    """Checks and routes the request. Raises Invalid, NotFound or Unavailable before anything was sent to an expert."""
    started = time.perf_counter()
    messages = tuple(message.message() for message in body.messages)
    characters = sum(len(message.content) for message in messages)
    if characters > desk.max_prompt_chars:
        raise PromptTooLong(characters, desk.max_prompt_chars)
    read = reading(messages)
    if not read.text:
        raise NothingAsked
    hints = hints.in_session(derived(messages, body.tool_names(), str(caller.key_id)))
    routed = await desk.routing.route(body.model, read.text, caller.home, hints)
    desk.routing.count(routed, caller.home)
    request = ExpertRequest(
        id=str(routed.decision_id),
        messages=messages,
        question=read.text,
        vector=routed.vector,
        max_tokens=body.max_completion_tokens or body.max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        stop=body.stops(),
        seed=body.seed,
        deadline_at=time.time() + desk.timeout_seconds,
    )
    return Exchange(desk, caller, routed, request, read.asked, body.model, streamed, started)


def _code(failure: Exception) -> str:
    return failure.code if isinstance(failure, DoyenError) else type(failure).__name__
