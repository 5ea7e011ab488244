"""Every SQL statement about forms that a session has sent."""

from __future__ import annotations

import sqlalchemy as sa

from console.tables import attempts
from mesh.storage.database import Session, parameters_for, statement

_NOTE = statement(sa.dialects.postgresql.insert(attempts).values(parameters_for(attempts)).on_conflict_do_nothing())


class Attempts:
    """Forms that were sent, in PostgreSQL. They go with their session."""

    async def note(self, session: Session, token: bytes, form: bytes) -> bool:
        """Note that a session sends a form; return False when it has sent it before."""
        return await session.run(_NOTE, token_sha256=token, form_sha256=form) == 1
