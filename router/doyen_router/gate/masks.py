"""Who may not be chosen, and why. It knows no probabilities: a mask binds whoever is likely, pinned or a fallback."""

from __future__ import annotations

from doyen_router.errors import DoyenError
from doyen_router.gate.decision import Candidate, Conditions, Policy, Snapshot

DENIED = "denied by the policy"
NOT_ALLOWED = "not among the experts that the policy allows"
UNKNOWN_TO_GATE = "the gate has no rows for it"
NOT_A_CANDIDATE = "not an expert of this caller"


class MaskBypassed(DoyenError):
    """A defect of the decision itself: nothing is sent to an expert that a mask forbids."""

    code = "mask_bypassed"

    def __init__(self, expert: str, reason: str) -> None:
        super().__init__(f"the decision chose {expert!r}, which may not be asked: {reason}; please report this defect")
        self.expert = expert
        self.reason = reason


def mask_reason(candidate: Candidate, policy: Policy, conditions: Conditions) -> str | None:
    """The first that applies: the registry's own, deny, allow, region, data class. None: it may be chosen."""
    if candidate.masked is not None:
        return candidate.masked
    if candidate.name in policy.deny:
        return DENIED
    if policy.allow is not None and candidate.name not in policy.allow:
        return NOT_ALLOWED
    if policy.regions is not None and candidate.region not in policy.regions:
        place = "in no region" if candidate.region is None else f"in the region {candidate.region!r}"
        return f"it is {place}; the policy allows {', '.join(policy.regions) or 'none'}"
    if candidate.data_classes is not None:
        for data_class in data_classes_of(policy, conditions):
            if data_class not in candidate.data_classes:
                return f"it may not see data of the class {data_class!r}"
    return None


def masks(snapshot: Snapshot, policy: Policy, conditions: Conditions) -> dict[str, str]:
    """The reasons of all candidates that may not be chosen, in the snapshot's order."""
    if not policy.deny and policy.allow is None and policy.regions is None and not data_classes_of(policy, conditions):
        return {candidate.name: candidate.masked for candidate in snapshot.candidates if candidate.masked is not None}
    masked: dict[str, str] = {}
    for candidate in snapshot.candidates:
        reason = mask_reason(candidate, policy, conditions)
        if reason is not None:
            masked[candidate.name] = reason
    return masked


def check_masks(experts: list[str], snapshot: Snapshot, policy: Policy, conditions: Conditions) -> None:
    """Raises `MaskBypassed` for the first expert that is masked or no candidate. From the snapshot alone, once more."""
    wanted = set(experts)
    of_name = {candidate.name: candidate for candidate in snapshot.candidates if candidate.name in wanted}
    for expert in experts:
        candidate = of_name.get(expert)
        reason = NOT_A_CANDIDATE if candidate is None else mask_reason(candidate, policy, conditions)
        if reason is not None:
            raise MaskBypassed(expert, reason)


def data_classes_of(policy: Policy, conditions: Conditions) -> list[str]:
    """Both bind: what a request says of itself must not lift what its policy says of every request."""
    return [data_class for data_class in (policy.data_class, conditions.data_class) if data_class is not None]
