"""How the answers of several experts become one."""

from __future__ import annotations

from collections.abc import Sequence

from doyen_experts.contract import Answer, FinishReason
from doyen_platform.experts.live import LiveExpert
from doyen_platform.policies.schemas import Combination
from doyen_router.gate.decision import RouteReason

MOST_NAMED = 12


def combine(answers: Sequence[tuple[str, float, Answer]], combination: Combination) -> tuple[str, Answer]:
    """`answers` are (expert, weight, answer), at least one. Returns the expert named as the one that answered.

    `best` takes the largest weight x score among those that found something; `all` puts each answer under its expert's
    name. An expert that found nothing is only heard when nobody did.
    """
    found = [one for one in answers if one[2].found] or list(answers)
    found.sort(key=lambda one: one[1] * one[2].score, reverse=True)
    expert, _, best = found[0]
    if combination == "best" or len(found) == 1:
        return expert, best
    finish: FinishReason = "length" if any(answer.finish_reason == "length" for _, _, answer in found) else "stop"
    return expert, Answer(
        text="\n\n".join(f"**{name}**\n\n{answer.text}" for name, _, answer in found),
        usage=best.usage,
        citations=tuple(citation for _, _, answer in found for citation in answer.citations),
        found=best.found,
        score=best.score,
        finish_reason=finish,
    )


def refusal(experts: Sequence[LiveExpert], reason: RouteReason) -> str:
    """What a caller reads when nobody was asked, and there is no generalist."""
    if not experts:
        return "No expert is available yet, so this question cannot be answered."
    if reason == RouteReason.NO_EXPERT:
        return "No expert may answer this request: its data class, or the policy, allows none of them."
    names = ", ".join(f"{expert.title} ({expert.name})" for expert in experts[:MOST_NAMED])
    more = f" and {len(experts) - MOST_NAMED} more" if len(experts) > MOST_NAMED else ""
    return (
        "This question is outside the domains of the experts here, so none of them was asked. "
        f"They know about: {names}{more}. Name one as the model to ask it anyway."
    )
