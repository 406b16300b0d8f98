"""A quick look that tells which of many texts could hold a secret at all, so that most are never searched.

Each pattern of `redaction` needs one of the literals below. A literal that is common in ordinary text is confirmed by
the part of the pattern that is rare. What is not ASCII is always searched, since case folding is not simple there.
"""

import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import NamedTuple

from bot.domain.redaction import is_secret_name, redact

# Patterns here begin with a literal, which the regex engine finds quickly; \b in front would make it try everywhere.
_KEYS = "access private application app account session signing encryption master storage"
_COMPOUND_KEY = re.compile("key(?:" + "|".join(f"(?<={word}key)" for word in _KEYS.split()) + ")")
# As they stand; the second member confirms where the first is common.
_Literals = tuple[tuple[str, re.Pattern[str] | None], ...]
_EXACT_LITERALS: _Literals = (
    ("PRIVATE KEY", None),
    ("AGE-SECRET-KEY", None),
    ("eyJ", None),
    ("xox", None),
    ("xapp-", None),
    ("hooks.slack.com/", None),
    ("/api/webhooks/", None),
    ("webhook.office.com/", None),
    ("AKIA", None),
    ("ASIA", None),
    ("AROA", None),
    ("AIDA", None),
    ("ABIA", None),
    ("ACCA", None),
    ("ghp_", None),
    ("gho_", None),
    ("ghs_", None),
    ("ghu_", None),
    ("ghr_", None),
    ("github_pat_", None),
    ("gl", re.compile(r"gl(?:pat|rt|dt|ptt|cbt|ft|imt|agent|soat|ffct)-|gls?[ac]_")),
    ("AIza", None),
    ("ya29.", None),
    ("GOCSPX-", None),
    ("k-", re.compile(r"k-(?<=\b[spr]k-)")),
    ("k_", re.compile(r"k_(?<=\b[spr]k_)")),
    ("npm_", None),
    ("pypi-", None),
    ("rubygems_", None),
    ("dckr_", None),
    ("hf_", None),
    ("gsk_", None),
    ("r8_", None),
    ("whsec_", None),
    ("NR", re.compile(r"NR[A-Z]{2}-")),
    ("hv", re.compile(r"hv[sbr]\.")),
    ("_v1_", None),
    ("dapi", re.compile(r"dapi[0-9a-f]{32}")),
    ("lin_", None),
    ("ntn_", None),
    ("shp", re.compile(r"shp[a-z]{2}_")),
    ("sq0", None),
    ("sntry", None),
    ("LTAI", None),
    ("dp.", re.compile(r"dp\.(?:pt|st|ct|scim|audit)\.")),
    ("sbp_", None),
    ("pscale_", None),
    ("PMAK-", None),
    ("pul-", None),
    ("tskey-", None),
    ("ATATT3", None),
    ("ATCTT3", None),
    ("dt0", None),
    ("bk", re.compile(r"bk[a-z]{2}_")),
    ("SG.", None),
    ("key-", re.compile(r"key-[0-9a-f]{32}")),
    ("-us", re.compile(r"-us\d")),
    (".atlasv1.", None),
    ("pat", re.compile(r"pat[A-Za-z0-9]{14}\.")),
    ("figd_", None),
    ("ops_eyJ", None),
    ("CCIPAT_", None),
    ("nfp_", None),
    ("fo1_", None),
    ("sdk-", None),
    ("mob-", None),
    (":AA", None),
    (".", re.compile(r"\.[\w-]{6}\.[\w-]{27}")),
    ("@", None),
)
# In lower case, in the lowered text.
_FOLDED_LITERALS: _Literals = (
    ("cookie", None),
    ("authorization", None),
    ("bearer", None),
    ("basic", re.compile(r"basic\s")),
    ("sig=", None),
    ("signature=", None),
    ("pass", re.compile(r"pass(?:w|phrase|code|\s)")),
    ("pwd", None),
    ("secret", None),
    ("token", None),
    ("api_key", None),
    ("api-key", None),
    ("apikey", None),
    ("_key", None),
    ("-key", None),
    ("key", _COMPOUND_KEY),
    ("credential", None),
    ("string", re.compile(r"string(?:(?<=connectionstring)|(?<=connection.string))")),
    ("sid", re.compile(r"sid(?<=\bsid)(?:\\*[\"']?\s{0,6}(?:=|:|is:)|>)")),
    ("'auth", None),
    ('"auth', None),
    ("sshpass", None),
    ("mysql", re.compile(r"mysql(?:dump|admin)?\s")),
    ("redis-cli", None),
    ("curl", None),
    ("identified", None),
)
# From so many characters on, looking for single ones first is worth it.
_LONG = 1000
_CHARACTERS = frozenset("".join(literal for literal, _ in _EXACT_LITERALS + _FOLDED_LITERALS))
# Every pattern that takes one digit takes a 0 in its place.
_NO_DIGITS = str.maketrans("123456789", "0" * 9)
_EXACT_SHAPES = tuple((literal.translate(_NO_DIGITS), rare) for literal, rare in _EXACT_LITERALS)


class _Table(NamedTuple):
    """Literals with what confirms them, and those of them without an underscore."""

    whole: _Literals
    without_underscore: _Literals


def _table(literals: _Literals) -> _Table:
    return _Table(literals, tuple(one for one in literals if "_" not in one[0]))


_EXACT, _FOLDED, _SHAPES = _table(_EXACT_LITERALS), _table(_FOLDED_LITERALS), _table(_EXACT_SHAPES)
_MOST_SHAPES = 20_000


class Screen:
    """Remembers the shapes of texts that can hold no secret: of those that differ in digits alone one is searched."""

    def __init__(self) -> None:
        self._harmless: set[str] = set()

    def redactor(self, texts: AbstractSet[str]) -> Callable[[str], str] | None:
        """As the function of this name."""
        joined = "\n".join(texts)
        if not joined.isascii() or joined.count("\n") >= len(texts):
            return redactor(texts)
        shapes = set(joined.translate(_NO_DIGITS).split("\n")) - self._harmless
        fresh = "\n".join(shapes) + "\n"
        if _found(_SHAPES, fresh) or _found(_FOLDED, fresh.lower()):
            return redactor(texts)
        if len(self._harmless) > _MOST_SHAPES:
            self._harmless.clear()
        self._harmless |= shapes
        return None


def redactor(texts: AbstractSet[str]) -> Callable[[str], str] | None:
    """A function that redacts each of `texts` as `redact` would; None where none of them can hold a secret."""
    joined = "\n".join(texts)
    plain = joined if joined.isascii() else "\n".join(text for text in texts if text.isascii())
    exact = _found(_EXACT, plain)
    folded = _found(_FOLDED, plain.lower())
    if not exact and not folded and plain is joined:
        return None

    def worth(text: str) -> bool:
        if not text.isascii() or any(literal in text for literal in exact):
            return True
        lowered = text.lower()
        return any(literal in lowered for literal in folded)

    return lambda text: redact(text) if worth(text) else text


@lru_cache(maxsize=4096)
def plain_names(names: tuple[str, ...]) -> bool:
    """Whether none of these field names says that its value is a secret, and none holds one itself."""
    return not any(is_secret_name(name) or redact(name) != name for name in names)


def _found(table: _Table, text: str) -> tuple[str, ...]:
    literals = table.whole
    if len(text) > _LONG:
        # One character is missed far faster than a word, and half of the literals hold one that is rare.
        absent = {character for character in _CHARACTERS if character not in text}
        literals = tuple(one for one in literals if absent.isdisjoint(one[0]))
    elif "_" not in text:
        literals = table.without_underscore
    here = [one for one in literals if one[0] in text]
    return tuple(literal for literal, rare in here if rare is None or rare.search(text))
