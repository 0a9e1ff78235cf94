"""What the review desk keeps beside texts: judgements and time of drafts, versions and time of decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the drafts anew, as their key changes: no version that wrote any has been released."""
    op.drop_table("drafts")
    op.create_table(
        "drafts",
        sa.Column("image_id", sa.Text, sa.ForeignKey("images.image_id"), primary_key=True),
        sa.Column("annotator", sa.Text, primary_key=True),
        sa.Column("stage", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("judgements", sa.JSON, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
    )
    with op.batch_alter_table("adjudications") as table:
        table.add_column(sa.Column("seconds", sa.Double, nullable=False, server_default="0"))
        table.add_column(sa.Column("version", sa.Integer, nullable=False, server_default="1"))
