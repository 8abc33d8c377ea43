"""Every table of the platform, so that migrations and tests see one complete metadata."""

from doyen_platform.audit.models import AuditRow
from doyen_platform.database.table import Table
from doyen_platform.decisions.models import DecisionRow, ExecutionRow, Feedback, RoutingContext
from doyen_platform.experts.models import ExpertRow, ExpertVersion
from doyen_platform.gates.models import ExampleRow, GateVersion
from doyen_platform.keys.models import Key
from doyen_platform.policies.models import PolicyRow
from doyen_platform.stores.models import ChunkRow, DocumentRow
from doyen_platform.tenants.models import Tenant

metadata = Table.metadata

__all__ = [
    "AuditRow",
    "ChunkRow",
    "DecisionRow",
    "DocumentRow",
    "ExampleRow",
    "ExecutionRow",
    "ExpertRow",
    "ExpertVersion",
    "Feedback",
    "GateVersion",
    "Key",
    "PolicyRow",
    "RoutingContext",
    "Tenant",
    "metadata",
]
