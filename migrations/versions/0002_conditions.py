"""conditions of decisions, context of examples, and where experts are, what they may see and cost

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns with constant defaults alone, so that no table is written anew for them; old features are cleared."""
    json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("conditions", json, nullable=True))
        batch_op.add_column(sa.Column("adjustments", json, nullable=True))
        batch_op.add_column(sa.Column("propensity", sa.Double(), server_default="1", nullable=False))
        batch_op.add_column(sa.Column("session", sa.String(length=160), nullable=True))
    with op.batch_alter_table("expert_versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("group_path", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("region", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("data_classes", json, nullable=True))
        batch_op.add_column(sa.Column("price_request_usd", sa.Double(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("price_thousand_tokens_usd", sa.Double(), server_default="0", nullable=False))
    with op.batch_alter_table("examples", schema=None) as batch_op:
        batch_op.add_column(sa.Column("context", json, nullable=True))
    # Features of before were stored in the clear, and the gates that read them cannot be opened any more.
    op.execute(sa.text("UPDATE decisions SET features = NULL WHERE features IS NOT NULL"))


def downgrade() -> None:
    with op.batch_alter_table("examples", schema=None) as batch_op:
        batch_op.drop_column("context")
    with op.batch_alter_table("expert_versions", schema=None) as batch_op:
        for name in ("price_thousand_tokens_usd", "price_request_usd", "data_classes", "region", "group_path"):
            batch_op.drop_column(name)
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        for name in ("session", "propensity", "adjustments", "conditions"):
            batch_op.drop_column(name)
