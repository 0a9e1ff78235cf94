"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)


def _of_image(**keywords: Any) -> sa.Column:
    return sa.Column("image_id", sa.Text, sa.ForeignKey("images.image_id"), **keywords)


def upgrade() -> None:
    """Make them."""
    _texts()
    _reviews()


def _texts() -> None:
    """Images, and what is generated for them."""
    op.create_table(
        "images",
        sa.Column("image_id", sa.Text, primary_key=True),
        sa.Column("class_name", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("t1", sa.Text),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("mask", sa.Text),
        sa.Column("sha256", sa.Text, nullable=False),
    )
    op.create_table(
        "answers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("step", sa.Text, nullable=False),
        _of_image(index=True),
        sa.Column("class_name", sa.Text, index=True),
        sa.Column("prompt_version", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("choices", sa.JSON, nullable=False),
        sa.Column("tokens_in", sa.Integer, nullable=False),
        sa.Column("tokens_out", sa.Integer, nullable=False),
        sa.Column("cost", sa.Double, nullable=False),
        sa.Column("created", MOMENT, nullable=False),
    )
    op.create_table(
        "candidates",
        sa.Column("id", sa.Integer, primary_key=True),
        _of_image(index=True, nullable=False),
        sa.Column("answer_id", sa.Integer, sa.ForeignKey("answers.id"), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("truncated", sa.Boolean, nullable=False),
        sa.Column("kept", sa.Boolean, nullable=False),
        sa.Column("coverage", sa.JSON, nullable=False),
        sa.Column("diversity", sa.Double),
        sa.Column("score", sa.Double),
        sa.Column("rank", sa.Integer),
        sa.Column("chosen", sa.Boolean, nullable=False),
        sa.Column("risk", sa.Double),
    )
    chosen: sa.ColumnElement[bool] = sa.column("chosen", sa.Boolean)
    op.create_index("one_chosen", "candidates", ["image_id"], unique=True, sqlite_where=chosen, postgresql_where=chosen)
    op.create_table(
        "claims",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "candidate_id", sa.Integer, sa.ForeignKey("candidates.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("end", sa.Integer, nullable=False),
        sa.Column("claimed", sa.Text, nullable=False),
        sa.Column("measured", sa.Text, nullable=False),
        sa.Column("risk", sa.Double, nullable=False),
    )
    op.create_table(
        "failures",
        _of_image(primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("updated", MOMENT, nullable=False),
    )
    op.create_table(
        "batches",
        sa.Column("file_id", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("prompt_version", sa.Text, nullable=False),
        sa.Column("requests", sa.JSON, nullable=False),
        sa.Column("batch_id", sa.Text),
        sa.Column("created", MOMENT, nullable=False),
    )


def _reviews() -> None:
    """What annotators make of it."""
    op.create_table(
        "reviews",
        _of_image(primary_key=True),
        sa.Column("annotator", sa.Text, primary_key=True),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("judgements", sa.JSON, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("updated", MOMENT, nullable=False),
    )
    op.create_table(
        "drafts",
        _of_image(primary_key=True),
        sa.Column("annotator", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("updated", MOMENT, nullable=False),
    )
    op.create_table(
        "adjudications",
        _of_image(primary_key=True),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created", MOMENT, nullable=False),
    )
