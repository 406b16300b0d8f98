"""One call to the Prometheus HTTP API, with its failures said in our own errors; no adapter by itself."""

from collections.abc import Mapping
from typing import Any

import httpx

from bot.domain.errors import Permanent, Retryable

TIMEOUT_S = 2.5


def asked(client: httpx.Client, url: str, form: Mapping[str, str]) -> dict[str, Any]:
    """POST a query and return its `data`; raises Retryable when the server is away, Permanent when it refuses."""
    try:
        answer = client.post(url, data=form)
        body = answer.json()
    except httpx.HTTPError as error:
        message = f"{url} did not answer: {type(error).__name__}"
        raise Retryable(message) from error
    except ValueError as error:
        message = f"{url} answered {answer.status_code} with something that is not JSON"
        raise Retryable(message) from error
    if answer.status_code >= 500:
        message = f"{url} answered {answer.status_code}"
        raise Retryable(message)
    data = body.get("data") if isinstance(body, dict) and body.get("status") == "success" else None
    if not isinstance(data, dict):
        reason = str(body.get("error", ""))[:200] if isinstance(body, dict) else "no object"
        message = f"{url} refused the query ({answer.status_code}): {reason}"
        raise Permanent(message)
    return data
