"""The variable parts of a log line, by their form alone: one pass, one set of rules for every system.

What is masked becomes `<*>`. Words are left alone here; whether a word varies is learned from the lines (miner.py).
"""

import re
from collections.abc import Mapping
from typing import cast

WILDCARD = "<*>"
_SHUT = ("<*>>", "<*>>.", "<*>>,")

_ZONE = r"(?:com|net|org|edu|gov|mil|io|us|uk|de|cn|hk|jp|fr|ru|br|kr|tw|local|internal|localdomain)"
_PIECE = r"[\w.@+~$%&=,-]"

# Where two forms begin at the same character, the earlier one counts. Each is there because everybody writes it, or
# because it helps on several systems that know nothing of each other; `python -m tests.bench.logs carry` shows which.
FORMS = {
    "url": r"(?<=://)[^\s'\",;<>\])]+",
    "path": rf"/(?<![\w.>/]/)(?:\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?!\w)|(?!/){_PIECE}*(?:/{_PIECE}*)*)",
    "signed number": r"[-+](?:(?<=[=:(\[,][-+])|(?<=^[-+]))\d+(?:[.,]\d+)*[A-Za-z%]{0,2}(?!\w)",
    "timestamp": r"\d{4}-\d\d-\d\d[-T_]\d\d[:.]\d\d[:.]\d\d(?:[.,]\d+)?(?:Z|[-+]\d\d:?\d\d)?",
    "uuid": r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
    "hardware or v6 address": r"(?:[0-9a-fA-F]{1,4}:){3,}[0-9a-fA-F:.]*[0-9a-fA-F]",
    "number": r"\d+(?:[.,]\d+)*(?:[A-Za-z]\w*|%)?",
    "code": r"(?=[A-Z0-9:-]*\d)[A-Z][A-Z0-9]*(?:[-:][A-Z0-9]+){2,}(?!\.\w)",
    "dashed name with a digit": r"(?=[\w-]*\d)[A-Za-z]\w*(?:-\w+){2,}(?:\.[\w-]+)*",
    "name and number": r"[A-Za-z]\w*_-?\d[\w-]*",
    "host": rf"[A-Za-z0-9][\w-]*+(?:\.(?!{_ZONE}(?![\w.-]))[\w-]++)*+\.{_ZONE}(?![\w.])",
    "name with a long number": r"[a-z]+\d{3,}",
    "hexadecimal": r"(?=[0-9A-Fa-f]*\d)[0-9A-Fa-f]{8,}",
    "constant": r"null|true|false|True|False|None|NULL",
}
_SLASHED_ONLY = ("url", "path")
_FREE = ("url", "path", "signed number")  # The others stand between the edges of a word.


def compiled(forms: Mapping[str, str]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The forms as one pattern for words without a slash, and one for those with."""
    bound = rf"(?<!\w)(?:{'|'.join(form for name, form in forms.items() if name not in _FREE)})(?!\w)"
    free = {name: form for name, form in forms.items() if name in _FREE}
    plain = [form for name, form in free.items() if name not in _SLASHED_ONLY]
    return re.compile("|".join([*plain, bound])), re.compile("|".join([*free.values(), bound]))


_PLAIN, _SLASHED = compiled(FORMS)
# A word without any of these has nothing that a form could match.
_TELLING = re.compile(rf"[\d/]|\.{_ZONE}(?![\w.])|null|true|false|True|False|None|NULL")
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_DIGIT = re.compile(r"\d")
_NAMED = re.compile(r"[0-9a-fA-F]")
# Long words with many digits, all of them masked, are looked up without regard to their hexadecimal letters.
_LETTERS = bytes.maketrans(b"abcdefABCDEF", b"000000000000")
_LONG_ID, _ID_DIGITS = 8, 4
_VALUES = frozenset((b"null", b"true", b"false", b"True", b"False", b"None", b"NULL"))
_MOST_WORDS = 50_000
_RUN = "<*> <*>"
_CLOCK = " <*> <*>:<*>:<*>"
_WEEKDAY = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ")
_DATE = re.compile(
    r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    r" <\*> <\*>:<\*>:<\*>(?: [A-Z]{2,4})?(?: <\*>)?(?=\s|$)"
)


class Masks:
    """Masks lines word by word and remembers the words; words that differ in digits only are looked up as one."""

    def __init__(self) -> None:
        self._shapes: dict[bytes, str] = {}
        self._words: dict[bytes, str] = {}
        self._ids: dict[bytes, str] = {}

    def mask(self, text: str) -> str:
        """The line with everything that varies by its form replaced; words one space apart, runs of wildcards one."""
        line = text.encode("utf-8", "surrogatepass")
        shapes = line.translate(_ZEROS).split()
        words = list(map(self._shapes.get, shapes))
        missing = words.count(None)
        if missing:
            self._bound()
            raw, place = line.split(), -1
            for _ in range(missing):
                place = words.index(None, place + 1)
                word = raw[place]
                words[place] = self._words.get(word) or self._met(shapes[place], word)
        masked = " ".join(cast("list[str]", words))
        if _CLOCK in masked and _WEEKDAY.search(masked):
            masked = _DATE.sub(WILDCARD, masked)
        while _RUN in masked:
            masked = masked.replace(_RUN, WILDCARD)
        return masked

    def _met(self, shape: bytes, word: bytes) -> str:
        """A word whose shape is new, or whose digits are part of its name."""
        if word.isalpha() and word not in _VALUES:
            masked = self._shapes[shape] = word.decode()
            return masked
        long = len(word) >= _LONG_ID and shape.count(b"0") >= _ID_DIGITS
        alike = shape.translate(_LETTERS) if long else b""
        masked = self._ids.get(alike, "")
        if not masked:
            masked = masked_word(word.decode("utf-8", "replace"))
            if alike and not _NAMED.search(masked):
                self._ids[alike] = masked
        if b"0" in shape and _DIGIT.search(masked):
            self._words[word] = masked
        else:
            self._shapes[shape] = masked
        return masked

    def _bound(self) -> None:
        if len(self._shapes) + len(self._words) + len(self._ids) > _MOST_WORDS:
            self._shapes.clear()
            self._words.clear()
            self._ids.clear()


def masked_word(word: str) -> str:
    """One word with its variable parts replaced."""
    if not _TELLING.search(word):
        return word
    masked = (_SLASHED if "/" in word else _PLAIN).sub(WILDCARD, word)
    return masked.replace("<*>>", WILDCARD) if masked.endswith(_SHUT) else masked
