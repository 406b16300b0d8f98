"""CloudEvents in binary mode, where the attributes are headers: made into one structured event before anything reads it.

Knative delivers in this mode. It stands at the HTTP edge since parsers, stored bodies and replays know bodies alone.
"""

from urllib.parse import unquote

import msgspec

from bot.domain.authenticity import Shown
from bot.domain.errors import Permanent

_MARK, _PREFIX = "ce-specversion", "ce-"
_MOST = 64


def structured(shown: Shown, body: bytes) -> bytes:
    """The body as it came, or the structured event of a call in binary mode; raises Permanent where it is none."""
    if _MARK not in shown.headers:
        return body
    given = {name: values for name, values in shown.headers.items() if name.startswith(_PREFIX)}
    if len(given) > _MOST or any(len(values) != 1 for values in given.values()):
        message = "not a call of CloudEvents: an attribute comes twice, or there are too many"
        raise Permanent(message)
    event: dict[str, object] = {name.removeprefix(_PREFIX): unquote(one) for name, (one,) in given.items()}
    (content_type, *_) = [*shown.headers.get("content-type", ()), "application/json"]
    event["datacontenttype"] = content_type[:200]
    if body:
        event["data"] = _data(content_type, body)
    return msgspec.json.encode(event)


def _data(content_type: str, body: bytes) -> object:
    """JSON as it is, once it is known to be one whole value; everything else as text."""
    if "json" not in content_type.lower():
        return body.decode("utf-8", "replace")
    try:
        return msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        message = "not a call of CloudEvents: its data is no JSON"
        raise Permanent(message) from error
