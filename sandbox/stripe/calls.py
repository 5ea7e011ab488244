"""One call of the API, as an endpoint sees it."""

from dataclasses import dataclass

from sandbox.stripe.params import Params


@dataclass(frozen=True, slots=True)
class Call:
    """Parameters, and what the URL says."""

    params: Params
    url: str
    id: str = ""
