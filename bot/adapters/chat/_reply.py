"""Private answers at the address that Slack hands out with a command or a click, where the bot is no member of the channel.

Whoever has such an address may speak there, so it is a secret: it is used on Slack's own host alone, follows no redirect,
and stands in no message of an error. Slack takes five answers on each, within thirty minutes. `slack_sdk.webhook` would
follow a redirect and write the address to its log.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
    proxy_bypass,
)

from slack_sdk import WebClient

from bot.adapters.chat import _slack_errors as errors
from bot.domain.errors import Permanent, Retryable, Undecided

_TIMEOUT_S = 5.0
_WHAT = "response_url"
_SLACK, _HOOKS = "slack.com", ("https", "hooks.slack.com")
_PLAIN = re.compile(r"[!-~]{1,500}")
_WORD = re.compile(r"[a-z_]{1,40}")


class _Stays(HTTPRedirectHandler):
    """Where Slack's answer leads elsewhere, the secret does not follow."""

    def redirect_request(self, *_told: Any, **_more: Any) -> None:
        """Nowhere."""


class Reply:
    """Answers beside the Web API of `client`: on Slack's host for Slack, else on the API's own scheme, host and port."""

    def __init__(self, client: WebClient) -> None:
        self._client = client
        api = urlsplit(client.base_url)
        of_slack = f".{api.hostname or ''}".endswith(f".{_SLACK}")
        self._place = _HOOKS if of_slack else (api.scheme, api.netloc.rpartition("@")[2])

    def send(self, address: str, body: Mapping[str, Any]) -> None:
        """Say it there. Undecided when it may have been shown, Retryable when later may help, Permanent when it never does."""
        if not self._of_slack(address):
            message = f"{_WHAT}: it is no address of Slack's, so nothing was sent; trying again does not help"
            raise Permanent(message)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        # The address was compared with Slack's above.
        request = Request(address, json.dumps(body).encode(), headers, method="POST")  # noqa: S310
        try:
            with self._opener().open(request, timeout=_TIMEOUT_S) as answer:
                answer.read(1)
        except HTTPError as refusal:
            with refusal:
                raise _refused(refusal) from None
        except errors.BROKEN as error:
            raise errors.translated_break(_WHAT, error, effect=True) from None

    def _of_slack(self, address: str) -> bool:
        if not _PLAIN.fullmatch(address):
            return False
        try:
            found = urlsplit(address)
        except ValueError:
            return False
        return (found.scheme, found.netloc) == self._place

    def _opener(self) -> OpenerDirector:
        proxy = "" if proxy_bypass(self._place[1]) else self._client.proxy or ""
        through = ProxyHandler({"http": proxy, "https": proxy} if proxy else {})
        return build_opener(through, HTTPSHandler(context=self._client.ssl), _Stays())


def _refused(refusal: HTTPError) -> Retryable | Permanent | Undecided:
    if refusal.code == 429:
        told = str(refusal.headers.get("Retry-After") or "")
        return Retryable(f"{_WHAT}: Slack asks to wait", delay_s=float(told) if told.isdecimal() else 1.0)
    if refusal.code >= 500:
        return Undecided(f"{_WHAT}: Slack failed ({refusal.code})")
    return Permanent(
        f"{_WHAT}: Slack refused ({refusal.code}{_word(refusal)}); a new command or click gets a new address"
    )


def _word(refusal: HTTPError) -> str:
    try:
        told = json.loads(refusal.read(4096))
    except (*errors.BROKEN, ValueError, RecursionError):
        return ""
    word = told.get("error") if isinstance(told, dict) else None
    return f" {word}" if isinstance(word, str) and _WORD.fullmatch(word) else ""
