"""Template mining: a cache of line shapes in front of families of alike lines, bounded in memory.

A family holds masked lines of one length and first word. A place where it saw few different words is part of the
template ("state UP", "state DOWN" are two); a place with many is variable. So templates may merge as lines come in:
ids stay valid, `resolve` says what an id became. Pure: no clock, no randomness.
"""

import math
import re
from collections.abc import Iterable, Mapping
from itertools import compress
from operator import eq, ne
from types import MappingProxyType

from bot.domain.logs.masks import WILDCARD, Masks

MOST_CHARS = 600  # Longer lines are cut.
MOST_WORDS = 60
VARIED = 6  # So many different words at one place make it variable.
ALIKE = 0.5  # Share of equal places that makes a line one of a family.
MOST_SHAPES = 20_000  # Lines of two such generations are answered from the cache.
MOST_TEMPLATES = 5_000  # Beyond, new lines are told apart by their first word only.
MOST_FAMILIES = 48  # Of one length and first word; beyond, the most alike one takes the line in.

_DIGITS = b"0123456789"
_LETTERS = b"abcdefABCDEF"
_HEXED = re.compile("[a-fA-F]").search
_OPENING = "=:([{\"',<"
_CLOSING = ")]},;\"':.>"


class _Family:
    """Lines that differ in some places: `seen` has the words of those with few, `open` the patterns of variable ones."""

    __slots__ = ("kinds", "open", "seen", "typical", "words")

    def __init__(self, words: list[str]) -> None:
        self.typical = words
        self.words = set(words)
        self.seen: dict[int, set[str]] = {}
        self.open: dict[int, str] = {}
        self.kinds: dict[tuple[str, ...], int] = {}

    def likeness(self, words: list[str]) -> int:
        typical = self.typical
        alike: int = sum(map(eq, typical, words))
        for place in self.open:
            alike += typical[place] != words[place]
        for place, seen in self.seen.items():
            alike += typical[place] != words[place] and words[place] in seen
        return alike

    def take_in(self, words: list[str]) -> bool:
        """Learn the words; whether a place became variable, or a variable one wider."""
        widened = False
        for place in compress(range(len(words)), map(ne, self.typical, words)):
            word = words[place]
            pattern = self.open.get(place)
            if pattern is not None:
                if pattern != WILDCARD and not _fits(word, pattern):
                    wider = _pattern((pattern, word))
                    widened |= wider != pattern
                    self.open[place] = wider
                continue
            seen = self.seen.setdefault(place, {self.typical[place]})
            seen.add(word)
            self.words.add(word)
            if len(seen) >= VARIED:
                self.open[place] = _pattern(seen)
                del self.seen[place]
                widened = True
        return widened

    def widen(self, places: Mapping[int, str]) -> bool:
        """Make places variable; whether one was not."""
        fresh = {place: pattern for place, pattern in places.items() if place not in self.open}
        self.open.update(fresh)
        for place in fresh:
            self.seen.pop(place, None)
        return bool(fresh)

    def key(self, words: Iterable[str]) -> tuple[str, ...]:
        if not self.open:
            return tuple(words)
        named = list(words)
        for place, pattern in self.open.items():
            named[place] = pattern
        return tuple(named)


class Miner:
    """Learns templates from lines; an id is an int from 1 up, 0 is what did not fit any more."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """`known` are templates of an earlier life, in the order of their ids."""
        self._families: dict[tuple[int, str], list[_Family]] = {}
        self._texts: list[tuple[str, ...]] = [(WILDCARD,)]
        self._became: list[int] = [0]
        self._masks = Masks()
        self._masked: dict[str, int] = {}
        self._alike: dict[bytes, tuple[int, str]] = {}
        self._fixed: dict[str, tuple[str, ...]] = {}
        self._young: dict[bytes, int] = {}
        self._old: dict[bytes, int] = {}
        for template in known:
            self.know(template)

    def __len__(self) -> int:
        return len(self._texts) - 1

    @property
    def cached(self) -> int:
        """How many shapes the cache holds at present."""
        return len(self._young) + len(self._old)

    def learn(self, line: str) -> int:
        """The id of the line's template, which is made if the line is like none before."""
        return self.learn_all((line,))[0]

    def learn_all(self, lines: Iterable[str]) -> list[int]:
        """`learn` for many lines, in their order."""
        ids: list[int] = []
        add, known = ids.append, self._young.get
        for line in lines:
            try:
                shape = line.encode().translate(None, _DIGITS)
            except UnicodeEncodeError:
                shape = line.encode("utf-8", "surrogatepass").translate(None, _DIGITS)
            found = known(shape)
            if found is None:
                found = self._missed(shape, line)
                known = self._young.get
            add(found)
        return ids

    def know(self, template: str) -> int:
        """The id of a template of an earlier life; its wildcards stand for any word."""
        words = template.split(" ")[:MOST_WORDS]
        return self._sorted_in(words, {place: word for place, word in enumerate(words) if WILDCARD in word})

    def resolve(self, template: int) -> int:
        """The id that stands for `template` by now."""
        while self._became[template] != template:
            template = self._became[template]
        return template

    def text(self, template: int) -> str:
        """The template's text by now."""
        return " ".join(self._texts[self.resolve(template)])

    def _missed(self, shape: bytes, line: str) -> int:
        if len(shape) >= MOST_CHARS or len(line) > MOST_CHARS:
            shape, line = shape[:MOST_CHARS], line[:MOST_CHARS]
            found = self._young.get(shape)
            if found is not None:
                return found
        found = self._old.pop(shape, None) if self._old else None
        if found is None:
            found = self._like(shape.translate(None, _LETTERS), line)
        if len(self._young) >= MOST_SHAPES:
            self._young, self._old = {}, self._young
        self._young[shape] = found
        return found

    def _like(self, coarse: bytes, line: str) -> int:
        """Lines that differ in hexadecimal digits only are mostly told by a second shape.

        It is blind to the letters a to f, so all that is fixed about the template must be in the line.
        """
        known = self._alike.get(coarse)
        if known is not None:
            found, masked = known
            parts = self._fixed.get(masked)
            if parts is None:
                parts = self._fixed[masked] = tuple(filter(_HEXED, masked.split(WILDCARD)))
            for part in parts:
                if part not in line:
                    break
            else:
                return found
        masked = self._masks.mask(line)
        if known is not None and known[1] == masked:
            self._fixed[masked] = tuple(word for word in masked.split() if WILDCARD not in word)
        found = self._place(masked)
        if len(self._alike) >= MOST_SHAPES:
            self._alike.clear()
            self._fixed.clear()
        self._alike[coarse] = (found, masked)
        return found

    def _place(self, masked: str) -> int:
        found = self._masked.get(masked)
        if found is None:
            words = masked.split(" ", MOST_WORDS)[:MOST_WORDS]
            found = self._sorted_in(words) if masked else 0
            if len(self._masked) >= MOST_SHAPES:
                self._masked.clear()
            self._masked[masked] = found
        return found

    def _sorted_in(self, words: list[str], variable: Mapping[int, str] = MappingProxyType({})) -> int:
        if len(self) >= MOST_TEMPLATES:
            words, variable = ([words[0], WILDCARD] if len(self) < 2 * MOST_TEMPLATES else [WILDCARD]), {}
        first = words[0] if WILDCARD not in words[0] else _first_fixed(words)
        families = self._families.setdefault((len(words), first), [])
        family = self._most_alike(families, words)
        if family is None:
            family = _Family(words)
            families.append(family)
        elif family.take_in(words):
            self._merge(family)
        if variable and family.widen(variable):
            self._merge(family)
        key = family.key(words)
        found = family.kinds.get(key)
        if found is None:
            found = family.kinds[key] = self._new(key)
        return found

    def _most_alike(self, families: list[_Family], words: list[str]) -> _Family | None:
        full = len(families) >= MOST_FAMILIES
        distinct, length = set(words), len(words)
        spare = length - len(distinct)
        best, most = None, -1 if full else math.ceil(ALIKE * length) - 1
        for family in families:
            # More than this the likeness cannot be, and it is cheap to say.
            if len(family.words & distinct) + len(family.open) + spare > most:
                alike = family.likeness(words)
                if alike > most:
                    best, most = family, alike
        return best

    def _merge(self, family: _Family) -> None:
        """Kinds that differ in variable places only are one from now on: the oldest of them."""
        kinds: dict[tuple[str, ...], int] = {}
        for words, template in family.kinds.items():  # In the order of their ids.
            key = family.key(words)
            into = kinds.setdefault(key, template)
            self._became[template] = into
            self._texts[into] = key
        family.kinds = kinds

    def _new(self, key: tuple[str, ...]) -> int:
        self._texts.append(key)
        self._became.append(len(self._texts) - 1)
        return len(self._texts) - 1


def _first_fixed(words: list[str]) -> str:
    return next((word for word in words if WILDCARD not in word), WILDCARD)


def _fits(word: str, pattern: str) -> bool:
    head, _, tail = pattern.partition(WILDCARD)
    return len(word) >= len(head) + len(tail) and word.startswith(head) and word.endswith(tail)


def _pattern(words: Iterable[str]) -> str:
    """What the words have in common up to a bracket or sign at either end, around a wildcard."""
    given = list(words)
    head = _common(given)
    while head and head[-1] not in _OPENING:
        head = head[:-1]
    tail = _common([word[len(head) :][::-1] for word in given])[::-1]
    while tail and tail[0] not in _CLOSING:
        tail = tail[1:]
    return f"{head}{WILDCARD}{tail}".replace("<<*>", WILDCARD).replace("<*>>", WILDCARD)


def _common(words: list[str]) -> str:
    """The beginning that all words share."""
    low, high = min(words), max(words)
    for place, letter in enumerate(low):
        if place >= len(high) or letter != high[place]:
            return low[:place]
    return low
