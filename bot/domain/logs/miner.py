"""Template mining: a cache of line shapes in front of families of alike lines, bounded in memory.

A family holds masked lines of one length and first word. A place where it saw few different words is part of the
template ("state UP", "state DOWN" are two); a place with many is variable. So templates may merge as lines come in:
ids stay valid, `resolve` says what an id became. Pure: no clock, no randomness.
"""

import math
from collections.abc import Iterable

from bot.domain.logs.masks import WILDCARD, Masks

MOST_CHARS = 600  # Longer lines are cut.
MOST_WORDS = 60
VARIED = 5  # So many different words at one place make it variable.
ALIKE = 0.5  # Share of equal places that makes a line one of a family.
MOST_SHAPES = 20_000  # Lines of two such generations are answered from the cache.
MOST_TEMPLATES = 5_000  # Beyond, new lines are told apart by their first word only.
MOST_FAMILIES = 48  # Of one length and first word; beyond, the most alike one takes the line in.

_DIGITS = b"0123456789"
_OPENING = "=:([{\"',<"
_CLOSING = ")]},;\"':.>"


class _Family:
    """Lines that differ in some places. `seen[i]` is the set of words at place i, or the pattern of a variable one."""

    __slots__ = ("kinds", "open", "seen", "words")

    def __init__(self, words: list[str]) -> None:
        self.words = set(words)
        self.open = 0
        self.seen: list[set[str] | str] = [{word} for word in words]
        self.kinds: dict[tuple[str, ...], int] = {}

    def at_most(self, words: set[str], length: int) -> int:
        """More than this `likeness` cannot be: cheap to say."""
        return len(self.words & words) + self.open + length - len(words)

    def likeness(self, words: list[str]) -> int:
        alike = 0
        for seen, word in zip(self.seen, words, strict=True):
            if type(seen) is str or word in seen:
                alike += 1
        return alike

    def take_in(self, words: list[str]) -> bool:
        """Learn the words; whether a place became variable, or a variable one wider."""
        widened = False
        for place, word in enumerate(words):
            seen = self.seen[place]
            if isinstance(seen, set):
                seen.add(word)
                self.words.add(word)
                if len(seen) >= VARIED:
                    self.seen[place] = _pattern(seen)
                    self.open += 1
                    widened = True
            elif seen != WILDCARD and _pattern((seen, word)) != seen:
                self.seen[place] = _pattern((seen, word))
                widened = True
        return widened

    def key(self, words: Iterable[str]) -> tuple[str, ...]:
        return tuple(
            [seen if type(seen) is str else word for seen, word in zip(self.seen, words, strict=True)]
        )


class Miner:
    """Learns templates from lines; an id is an int from 1 up, 0 is what did not fit any more."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """`known` are templates of an earlier life, in the order of their ids."""
        self._families: dict[tuple[int, str], list[_Family]] = {}
        self._texts: list[tuple[str, ...]] = [(WILDCARD,)]
        self._became: list[int] = [0]
        self._masks = Masks()
        self._masked: dict[str, int] = {}
        self._young: dict[bytes, int] = {}
        self._old: dict[bytes, int] = {}
        for template in known:
            self._place(template)

    def __len__(self) -> int:
        return len(self._texts) - 1

    @property
    def cached(self) -> int:
        """How many shapes the cache holds at present."""
        return len(self._young) + len(self._old)

    def learn(self, line: str) -> int:
        """The id of the line's template, which is made if the line is like none before."""
        shape = line[:MOST_CHARS].encode("utf-8", "surrogatepass").translate(None, _DIGITS)
        found = self._young.get(shape)
        return self._missed(shape, line) if found is None else found

    def learn_all(self, lines: Iterable[str]) -> list[int]:
        """`learn` for many lines, in their order."""
        ids, missed = [], self._missed
        for line in lines:
            shape = line[:MOST_CHARS].encode("utf-8", "surrogatepass").translate(None, _DIGITS)
            found = self._young.get(shape)
            ids.append(missed(shape, line) if found is None else found)
        return ids

    def resolve(self, template: int) -> int:
        """The id that stands for `template` by now."""
        while self._became[template] != template:
            template = self._became[template]
        return template

    def text(self, template: int) -> str:
        """The template's text by now."""
        return " ".join(self._texts[self.resolve(template)])

    def _missed(self, shape: bytes, line: str) -> int:
        found = self._old.pop(shape, None)
        if found is None:
            found = self._place(self._masks.mask(line[:MOST_CHARS]))
        if len(self._young) >= MOST_SHAPES:
            self._young, self._old = {}, self._young
        self._young[shape] = found
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

    def _sorted_in(self, words: list[str]) -> int:
        if len(self) >= MOST_TEMPLATES:
            words = [words[0], WILDCARD] if len(self) < 2 * MOST_TEMPLATES else [WILDCARD]
        first = next((word for word in words if WILDCARD not in word), WILDCARD)
        families = self._families.setdefault((len(words), first), [])
        family = self._most_alike(families, words)
        if family is None:
            family = _Family(words)
            families.append(family)
        elif family.take_in(words):
            self._merge(family)
        key = family.key(words)
        if key not in family.kinds:
            family.kinds[key] = self._new(key)
        return family.kinds[key]

    def _most_alike(self, families: list[_Family], words: list[str]) -> _Family | None:
        full = len(families) >= MOST_FAMILIES
        distinct, length = set(words), len(words)
        best, most = None, -1 if full else math.ceil(ALIKE * length) - 1
        for family in families:
            if family.at_most(distinct, length) > most:
                alike = family.likeness(words)
                if alike > most:
                    best, most = family, alike
        return best

    def _merge(self, family: _Family) -> None:
        """Kinds that differ in variable places only are one from now on: the oldest of them."""
        kinds: dict[tuple[str, ...], int] = {}
        for words, template in sorted(family.kinds.items(), key=lambda kind: kind[1]):
            key = family.key(words)
            into = kinds.setdefault(key, template)
            self._became[template] = into
            self._texts[into] = key
        family.kinds = kinds

    def _new(self, key: tuple[str, ...]) -> int:
        self._texts.append(key)
        self._became.append(len(self._texts) - 1)
        return len(self._texts) - 1


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
