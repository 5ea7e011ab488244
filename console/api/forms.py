"""What a browser sends with a form."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

MAX_FORM_FIELDS = 200


async def read_form(request: Request) -> dict[str, str] | None:
    """Return the fields of a form; of a name that comes twice, the values with commas between them.

    None: no browser sends such a form, or none of ours.
    """
    fields: dict[str, str] = {}
    text = (await request.body()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        return None
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            return None
        fields[name] = f"{fields[name]},{value}" if name in fields else value
    return fields
