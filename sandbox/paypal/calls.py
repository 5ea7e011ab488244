"""One call of the API, as an endpoint sees it."""

from dataclasses import dataclass

from sandbox.paypal.fields import Fields


@dataclass(frozen=True, slots=True)
class Call:
    """The body, and the id that the URL names."""

    fields: Fields
    id: str = ""
