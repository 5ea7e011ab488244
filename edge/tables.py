"""The tables of the database `identity`."""

from __future__ import annotations

import sqlalchemy as sa

from mesh.schema import NAMING, TIME

metadata = sa.MetaData(naming_convention=NAMING)

merchants = sa.Table(
    "merchants",
    metadata,
    sa.Column("merchant_id", sa.UUID, primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("api_key_id", sa.UUID, primary_key=True),
    sa.Column("merchant_id", sa.UUID, sa.ForeignKey(merchants.c.merchant_id), nullable=False),
    # a key is 256 random bits: a fast hash hides it as well as a slow one, and the key itself is nowhere
    sa.Column("secret_sha256", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("revoke_time", TIME),
)
