"""The tables of the database `identity`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from mesh.storage.schema import NAMING, TIME

metadata = sa.MetaData(naming_convention=NAMING)

merchants = sa.Table(
    "merchants",
    metadata,
    sa.Column("merchant_id", sa.UUID, primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("disable_time", TIME),
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
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("scopes", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("networks", pg.ARRAY(pg.CIDR), nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    # encrypted: to verify a signature, it is made again
    sa.Column("signing_secret", sa.LargeBinary),
    sa.Column("expire_time", TIME),
    # of a key that was replaced, which moves its end: how long it was made to live; zero: without end
    sa.Column("lifetime", sa.Interval),
    # numbers every change of a key or of its merchant, set by a trigger: what the edge's replicas watch
    sa.Column("change_seq", sa.BigInteger, nullable=False),
    sa.CheckConstraint("mode IN ('test', 'live')", name="mode"),
    sa.CheckConstraint("signature IN ('none', 'optional', 'required')", name="signature"),
    sa.CheckConstraint("(signature = 'none') = (signing_secret IS NULL)", name="signing_secret"),
)
sa.Index("ix_api_keys_change_seq", api_keys.c.change_seq)
sa.Index("ix_api_keys_merchant", api_keys.c.merchant_id, api_keys.c.api_key_id)

# apart from the keys, so that using one is not a change of it
api_key_uses = sa.Table(
    "api_key_uses",
    metadata,
    sa.Column("api_key_id", sa.UUID, sa.ForeignKey(api_keys.c.api_key_id), primary_key=True),
    sa.Column("last_use_time", TIME, nullable=False),
)

signature_nonces = sa.Table(
    "signature_nonces",
    metadata,
    sa.Column("api_key_id", sa.UUID, primary_key=True),
    sa.Column("nonce", sa.Text, primary_key=True),
    sa.Column("create_time", TIME, nullable=False),
)
sa.Index("ix_signature_nonces_create_time", signature_nonces.c.create_time)

# merchants that come to this cell or leave it; one that is at home here has no row
merchant_moves = sa.Table(
    "merchant_moves",
    metadata,
    sa.Column("merchant_id", sa.UUID, primary_key=True),
    # ARRIVING: not here yet; HELD: about to leave, nobody serves it; MOVED: elsewhere
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("change_time", TIME, nullable=False, server_default=sa.func.now()),
    sa.CheckConstraint("state IN ('ARRIVING', 'HELD', 'MOVED')", name="state_known"),
)
