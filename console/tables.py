"""The tables of the database `console`: who may log in, and who has. It holds nothing of payments."""

from __future__ import annotations

import sqlalchemy as sa

from mesh.storage.schema import NAMING, TIME

metadata = sa.MetaData(naming_convention=NAMING)

users = sa.Table(
    "users",
    metadata,
    sa.Column("user_id", sa.UUID, primary_key=True),
    # in lower case: two spellings of an address are one person
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    # none: an operator of the platform
    sa.Column("merchant_id", sa.UUID),
    # argon2id, with its parameters and salt
    sa.Column("password_hash", sa.Text, nullable=False),
    # encrypted: codes are made again from it
    sa.Column("totp_secret", sa.LargeBinary),
    # the step of the code that was taken last: no code is good twice
    sa.Column("totp_step", sa.BigInteger, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("locked_until", TIME),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("disable_time", TIME),
    # how often the password of another login of the address was held against this one and not counted
    sa.Column("forgiven", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint("(role = 'operator') = (merchant_id IS NULL)", name="merchant"),
)
sa.Index("ix_users_merchant", users.c.merchant_id, users.c.user_id)
# of each merchant: none keeps an address from another, as nothing proves whose it is
sa.Index("uq_users_email_merchant", users.c.email, users.c.merchant_id, unique=True, postgresql_nulls_not_distinct=True)

sessions = sa.Table(
    "sessions",
    metadata,
    # the token itself is in the browser alone
    sa.Column("token_sha256", sa.LargeBinary, primary_key=True),
    sa.Column("user_id", sa.UUID, sa.ForeignKey(users.c.user_id, ondelete="CASCADE"), nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    # the API key of this session: it may do what the role may, and ends with the session; its secret is encrypted
    sa.Column("api_key_id", sa.UUID),
    sa.Column("api_key", sa.LargeBinary),
    sa.Column("user_agent", sa.Text, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("expire_time", TIME, nullable=False),
    sa.CheckConstraint("mode IN ('test', 'live')", name="mode"),
)
sa.Index("ix_sessions_user", sessions.c.user_id)
sa.Index("ix_sessions_expire_time", sessions.c.expire_time)

# whose each session's key was, also when the session is over: what was done with it is in the audit
session_keys = sa.Table(
    "session_keys",
    metadata,
    sa.Column("api_key_id", sa.UUID, primary_key=True),
    sa.Column("user_id", sa.UUID, sa.ForeignKey(users.c.user_id, ondelete="CASCADE"), nullable=False),
)
sa.Index("ix_session_keys_user", session_keys.c.user_id)

# forms that a session has sent: each is taken once
attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("token_sha256", sa.LargeBinary, sa.ForeignKey(sessions.c.token_sha256, ondelete="CASCADE")),
    # of the name that its page gave it, and of where it was sent
    sa.Column("form_sha256", sa.LargeBinary),
    sa.PrimaryKeyConstraint("token_sha256", "form_sha256"),
)

links = sa.Table(
    "links",
    metadata,
    # what the link carries is with whom it was given to
    sa.Column("token_sha256", sa.LargeBinary, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("merchant_id", sa.UUID),
    # it holds no longer than this user may invite people
    sa.Column("made_by", sa.UUID, sa.ForeignKey(users.c.user_id, ondelete="CASCADE"), nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("expire_time", TIME, nullable=False),
    sa.CheckConstraint("kind IN ('invitation', 'reset')", name="kind"),
    # the newest link of a person is the one that holds, of each merchant: none keeps an address from another
    sa.UniqueConstraint("merchant_id", "email", postgresql_nulls_not_distinct=True),
)
sa.Index("ix_links_made_by", links.c.made_by)

# how many mails with links somebody has had sent, on the last day on which there was one
mails = sa.Table(
    "mails",
    metadata,
    sa.Column("user_id", sa.UUID, sa.ForeignKey(users.c.user_id, ondelete="CASCADE"), primary_key=True),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("sent", sa.Integer, nullable=False),
)

views = sa.Table(
    "views",
    metadata,
    sa.Column("view_id", sa.UUID, primary_key=True),
    sa.Column("user_id", sa.UUID, sa.ForeignKey(users.c.user_id, ondelete="CASCADE"), nullable=False),
    sa.Column("list", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    # as in the address: what it holds is checked again whenever it is used
    sa.Column("filters", sa.Text, nullable=False),
    sa.UniqueConstraint("user_id", "list", "name"),
)

passkeys = sa.Table(
    "passkeys",
    metadata,
    sa.Column("passkey_id", sa.UUID, primary_key=True),
    sa.Column("user_id", sa.UUID, sa.ForeignKey(users.c.user_id, ondelete="CASCADE"), nullable=False),
    sa.Column("credential_id", sa.LargeBinary, nullable=False, unique=True),
    # COSE: it verifies, and opens nothing
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    # as the authenticator counts; one that goes back is a copy
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
    sa.Column("last_use_time", TIME),
)
sa.Index("ix_passkeys_user", passkeys.c.user_id)

identities = sa.Table(
    "identities",
    metadata,
    sa.Column("issuer", sa.Text, primary_key=True),
    # the provider's own id of a person, which is never another's; an address may become one
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("user_id", sa.UUID, sa.ForeignKey(users.c.user_id, ondelete="CASCADE"), nullable=False),
    # made by the rule of a domain: the rule has to hold at each login, and says the role
    sa.Column("by_rule", sa.Boolean, nullable=False),
    sa.Column("create_time", TIME, nullable=False),
)
sa.Index("ix_identities_user", identities.c.user_id)

begun = sa.Table(
    "begun",
    metadata,
    # what a browser brings back: taken once
    sa.Column("token_sha256", sa.LargeBinary, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("expire_time", TIME, nullable=False),
)
sa.Index("ix_begun_expire_time", begun.c.expire_time)
