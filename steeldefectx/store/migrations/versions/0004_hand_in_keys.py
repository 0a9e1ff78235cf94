"""What makes one of two hand-ins of the same, and what says that a claim is wrong."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add them; what is stored has none."""
    for table, column in (("reviews", "key"), ("adjudications", "key"), ("claims", "by")):
        op.add_column(table, sa.Column(column, sa.Text))
