"""Redaction: secrets in text become a marker that names their kind. Applied before anything is logged, posted or sent.

A small set of shapes that are secrets wherever they stand, and of names whose value is one. It errs towards hiding.
"""

import re

_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "private-key",
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----.*?"
            r"(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
    ),
    ("jwt", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?")),
    ("slack-token", re.compile(r"\bx(?:ox[a-z]|app)-[\w-]{8,}")),
    ("slack-webhook", re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/]+")),
    ("aws-key-id", re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b")),
    ("github-token", re.compile(r"\b(?:gh[opsur]_\w{20,}|github_pat_\w{20,})")),
    ("gitlab-token", re.compile(r"\bglpat-[\w-]{16,}")),
    ("google-key", re.compile(r"\bAIza[\w-]{30,}")),
    ("api-key", re.compile(r"\b(?:sk|pk|rk)[-_](?:[a-z]+[-_]){0,3}[A-Za-z0-9]{16,}")),
    ("npm-token", re.compile(r"\bnpm_\w{30,}")),
)
_PASSWORD_IN_URL = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(?=@)", re.IGNORECASE)
_AUTHORIZATION = re.compile(r"(?P<before>\b(?:bearer|basic)\s+)(?P<value>[\w.~+/=-]{8,})", re.IGNORECASE)
_NAMED = re.compile(
    r"(?P<before>[\"']?\b[\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|"
    r"credential|client[_-]?secret|session[_-]?key|authorization|cookie)s?[\"']?\s*(?:=>|[=:])\s*)"
    r"(?P<value>\"[^\"]+\"|'[^']+'|[^\s,;&\"'}\]]{4,})",
    re.IGNORECASE,
)
MARK = "[redacted {}]"


def redact(text: str) -> str:
    """The text with every secret that is recognised replaced; applying it twice changes nothing more."""
    for kind, pattern in _SHAPES:
        text = pattern.sub(MARK.format(kind), text)
    text = _PASSWORD_IN_URL.sub(lambda found: found["before"] + MARK.format("password"), text)
    text = _AUTHORIZATION.sub(lambda found: found["before"] + MARK.format("token"), text)
    return _NAMED.sub(_named, text)


def _named(found: re.Match[str]) -> str:
    if "[redacted" in found["value"] or found["value"].lower() in ("bearer", "basic"):
        return found[0]
    return found["before"] + MARK.format("secret")
