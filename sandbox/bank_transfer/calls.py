"""One call of the API, as an endpoint sees it."""

from dataclasses import dataclass

from sandbox.bank_transfer.fields import Fields


@dataclass(frozen=True, slots=True)
class Call:
    """The fields of the body or of the query, and the id that the URL names."""

    fields: Fields
    id: str = ""
