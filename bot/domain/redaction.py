"""Redaction: secrets in text become a marker that names their kind. Applied before anything is logged, posted or sent.

Shapes that are secrets wherever they stand, places whose value is one, and names whose value is one. It errs towards
hiding, leaves ids and hashes alone, and every pattern is bounded, since anybody may write the text.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

MARK = "[redacted {}]"

_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "private-key",
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----.*?"
            r"(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|\Z)|\bAGE-SECRET-KEY-1[A-Z0-9]{40,}",
            re.DOTALL,
        ),
    ),
    ("jwt", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?")),
    ("slack-token", re.compile(r"\bx(?:ox[a-z]|app)-[\w.-]{8,}")),
    (
        "webhook",
        re.compile(
            r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/]+"
            r"|discord(?:app)?\.com/api/webhooks/[\w/-]+|\bwebhook\.office\.com/[\w@/-]+"
        ),
    ),
    ("aws-key-id", re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16}\b")),
    ("github-token", re.compile(r"\b(?:gh[opsur]_\w{20,}|github_pat_\w{20,})")),
    ("gitlab-token", re.compile(r"\bgl(?:pat|rt|dt|ptt|cbt|ft|imt|agent|soat|ffct)-[\w.-]{16,}")),
    ("google-key", re.compile(r"\bAIza[\w-]{30,}|\bya29\.[\w.-]{20,}|\bGOCSPX-[\w-]{20,}")),
    ("api-key", re.compile(r"\bsk-ant-[\w-]{20,}|\b[spr]k[-_](?:[a-z0-9]{1,10}[-_]){0,3}[A-Za-z0-9]{16,}")),
    (
        "vendor-token",
        re.compile(
            r"\b(?:npm_\w{30,}|pypi-[\w-]{40,}|rubygems_[0-9a-f]{40,}|dckr_[a-z]{3}_[\w-]{20,}|hf_[A-Za-z0-9]{30,}"
            r"|gsk_[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{30,}|whsec_[\w+/=]{24,}|NR[A-Z]{2}-[A-Za-z0-9-]{20,}"
            r"|gls?[ac]_[\w+/=]{24,}|hv[sbr]\.[\w-]{20,}|do[opr]_v1_[0-9a-f]{60,}|dapi[0-9a-f]{32}(?:-\d)?"
            r"|lin_(?:api|oauth)_\w{30,}|ntn_\w{40,}|shp[a-z]{2}_[0-9a-fA-F]{32}|sq0[a-z]{3}-[\w-]{22,}"
            r"|sntry[a-z]_[\w+/=]{40,}|LTAI[A-Za-z0-9]{16,}|dp\.(?:pt|st|ct|scim|audit)\.[\w.]{40,}"
            r"|sbp_[0-9a-f]{40}|pscale_[a-z]{2,5}_[\w.-]{30,}|PMAK-[0-9a-f]{24}-[0-9a-f]{34}|pul-[0-9a-f]{40}"
            r"|tskey-[a-z]{3,8}-[\w-]{16,}|AT[AC]TT3[\w=+/-]{60,}|dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}"
            r"|bk[a-z]{2}_[0-9a-f]{40}|SG\.[\w-]{16,}\.[\w-]{16,}|key-[0-9a-f]{32}\b|[0-9a-f]{32}-us\d{1,2}\b"
            r"|[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|figd_[\w-]{30,}"
            r"|ops_eyJ[\w-]{40,}|CCIPAT_[\w]{20,}|nfp_[A-Za-z0-9]{30,}|fo1_[\w-]{30,}"
            r"|(?:sdk|mob)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
        ),
    ),
    (
        "bot-token",
        re.compile(r"(?<!\d)\d{8,10}:AA[\w-]{30,}|\b[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,45}"),
    ),
)
_NAMES = (
    r"(?:passw(?:or)?d|passphrase|passcode|pwd|secret|token|api[_-]?key|(?:access|private|application|app|account|"
    r"session|signing|encryption|master|storage)[_-]?key|credential|connection[_-]?string|authorization|cookie)"
    r"s?(?:[_-]?(?:base|data|value|key)){0,2}|client-key-data|\bsid|(?<=[\"'])auth"
)
_SCHEMES = r"(?:bearer|basic|token|digest|ssws|apikey|negotiate|aws4-hmac-sha256)"
_PLACES: tuple[tuple[str, re.Pattern[str]], ...] = (
    # Greedy up to the last @ before the path: a password may hold an @ itself.
    ("password", re.compile(r"(?P<before>://[^\s:/@]{0,200}:)(?P<value>[^\s/\"'<>]{1,300})(?=@)")),
    ("token", re.compile(r"(?P<before>://)(?P<value>[A-Za-z0-9_-]{20,200})(?=@)")),
    ("cookie", re.compile(r"(?i)(?P<before>\bcookie[\"']?\s*[:=]\s*[\"']?)(?P<value>[^\n\"']{4,4000})")),
    (
        "token",
        re.compile(
            rf"(?i)(?P<before>\bauthorization[\"']?\s*[:=]\s*[\"']?{_SCHEMES}\s+)(?P<value>[^\s\"']{{4,}})"
        ),
    ),
    ("token", re.compile(r"(?i)(?P<before>\b(?:bearer|basic)\s+)(?P<value>[\w.~+/=-]{8,})")),
    ("signature", re.compile(r"(?i)(?P<before>[?&]sig(?:nature)?=)(?P<value>[\w%+/=.-]{16,})")),
    (
        "password",
        re.compile(
            r"(?i)(?P<before>\s--?[\w-]{0,30}(?:password|passwd|pass|secret|token|api-?key)\s+[\"']?)(?P<value>[^\s\"'-][^\s\"']{3,})"
        ),
    ),
    (
        "password",
        re.compile(
            r"(?P<before>\b(?:sshpass\s+-p\s*|mysql(?:dump|admin)?\s[^\n|;]{0,200}?-p"
            r"|redis-cli\s[^\n|;]{0,200}?-a\s+|curl\s[^\n|;]{0,300}?(?:-u|--user)\s*[^\s:]{1,100}:))(?P<value>[^\s\"']{3,})"
        ),
    ),
    ("password", re.compile(r"(?i)(?P<before>\blogin\s+\S{1,100}\s+password\s+)(?P<value>\S{3,})")),
    (
        "password",
        re.compile(
            r"(?i)(?P<before>\b(?:identified\s+(?:with\s+\S{1,60}\s+)?by|password)\s+')(?P<value>[^'\n]{1,300})"
        ),
    ),
    ("secret", re.compile(rf"(?i)(?P<before><(?:[\w.-]{{0,40}}[:_-])?(?:{_NAMES})>)(?P<value>[^<\n]{{3,}})")),
)
_NAMED = re.compile(
    rf"(?P<before>(?:{_NAMES})\\*[\"']?\s{{0,5}}(?:=>|[=:]|\sis:)\s{{0,10}}\\*)"
    r"(?P<value>\"[^\"\\\n]+|'[^'\\\n]+|[^\s,;&\"'}\]\\<\[]{4,})",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(rf"(?:{_NAMES})\Z", re.IGNORECASE)
_SHORT = 200
_COUNT = re.compile(r"tokens?\W", re.IGNORECASE)


def redact(text: str) -> str:
    """The text with every secret that is recognised replaced; applying it twice changes nothing more."""
    return _short(text) if len(text) <= _SHORT else _redacted(text)


def _redacted(text: str) -> str:
    for kind, pattern in _SHAPES:
        text = pattern.sub(MARK.format(kind), text)
    for kind, pattern in _PLACES:
        text = pattern.sub(_marking(kind), text)
    return _NAMED.sub(_named, text)


# Names and labels come again with every alert of a storm.
_short = lru_cache(maxsize=20_000)(_redacted)


def redact_named(name: str, text: str) -> str:
    """The value of a field: hidden whole where the field's name says that it is a secret."""
    return MARK.format("secret") if text and is_secret_name(name) else redact(text)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether the name of a field says that its value is a secret."""
    return _SECRET_NAME.search(name) is not None


def redact_tree(value: Any, *, keep: frozenset[str] = frozenset(), name: str = "") -> Any:
    """JSON-ready data with every string redacted, those under the names in `keep` left as they are."""
    if isinstance(value, str):
        return redact_named(name, value)
    if isinstance(value, Mapping):
        return {
            redact(key) if isinstance(key, str) else key: (
                part if key in keep else redact_tree(part, keep=keep, name=str(key))
            )
            for key, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact_tree(part, keep=keep, name=name) for part in value]
    return value


def _marking(kind: str) -> Any:
    def mark(found: re.Match[str]) -> str:
        if "[redacted" in found["value"]:
            return found[0]
        return found["before"] + MARK.format(kind)

    return mark


def _named(found: re.Match[str]) -> str:
    value = found["value"]
    counted = value.isdigit() and _COUNT.match(found["before"])
    if "[redacted" in value or counted or value.lower() in ("bearer", "basic"):
        return found[0]
    quote = value[0] if value[0] in "\"'" else ""
    return found["before"] + quote + MARK.format("secret")
