"""Loki's range query over HTTP: (nanosecond text, line) pairs with the labels of their stream, or an error of ours."""

from collections.abc import Mapping
from typing import Any

import httpx

from bot.domain.errors import Permanent, Retryable

PATH = "/loki/api/v1/query_range"


def asked(client: httpx.Client, url: str, query: str, *, start: float, end: float, limit: int) -> list[Any]:
    """The streams of a query over start..end (unix seconds), newest lines first; raises Retryable or Permanent."""
    params: Mapping[str, str] = {
        "query": query,
        "start": str(int(start * 1e9)),
        "end": str(int(end * 1e9)),
        "limit": str(limit),
        "direction": "backward",
    }
    try:
        answer = client.get(url, params=params)
    except httpx.HTTPError as error:
        message = f"{url} did not answer: {type(error).__name__}"
        raise Retryable(message) from error
    if answer.status_code != httpx.codes.OK:
        message = f"{url} answered {answer.status_code}"
        raise Permanent(message)
    try:
        return list(answer.json()["data"]["result"])
    except (ValueError, TypeError, KeyError) as error:
        message = f"{url} answered something that is not a Loki result"
        raise Permanent(message) from error
