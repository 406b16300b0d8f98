"""Which past write-up is most like a text: BM25 on word stems. No model, no index on disk; a few thousand documents.

Write-ups and alerts are told about in different words and forms, so words are cut to stems and the commonest dropped.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

SATURATION = 1.2  # How soon a repeated word stops counting.
LENGTH = (
    0.4  # How much a long document must repeat itself, 0 to 1; write-ups are long for reasons of their own.
)

_WORD = re.compile(r"[a-z0-9]+")
_DROPPED = frozenset(
    re.findall(
        r"\w+",
        """a an and are as at be been but by can could did do does for from had has have he her his how i if in into
        is it its no not of on or our she so such than that the their them then there these they this those to was
        we were what when where which while who will with would you your""",
    )
)
_ENDINGS = (
    ("ational", "ization", "ations", "ation", "ments", "ment", "ingly", "ings", "ing", "edly", "ies", "ied"),
    ("ed", "es", "ly", "s", "e"),
)
_STEM = 3  # Letters that must be left.


@dataclass(frozen=True, slots=True)
class Index:
    """Documents by id, ready to be asked."""

    lengths: Mapping[str, int]
    places: Mapping[str, Mapping[str, int]]
    average: float

    def nearest(self, text: str, *, most: int = 10) -> tuple[tuple[str, float], ...]:
        """Ids with their scores, best first; equal scores by id. Nothing in common gives nothing."""
        scores: dict[str, float] = {}
        for stem in stems(text):
            found = self.places.get(stem, {})
            if not found:
                continue
            rarity = math.log(1 + (len(self.lengths) - len(found) + 0.5) / (len(found) + 0.5))
            for document, times in found.items():
                size = 1 - LENGTH + LENGTH * self.lengths[document] / self.average
                gain = rarity * times * (SATURATION + 1) / (times + SATURATION * size)
                scores[document] = scores.get(document, 0.0) + gain
        ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
        return tuple(ranked[:most])


def index_of(documents: Mapping[str, str]) -> Index:
    """An index of texts by id."""
    places: dict[str, dict[str, int]] = {}
    lengths = {}
    for document, text in documents.items():
        words = stems(text)
        lengths[document] = len(words)
        for stem, times in Counter(words).items():
            places.setdefault(stem, {})[document] = times
    average = sum(lengths.values()) / len(lengths) if lengths else 1.0
    return Index(lengths, places, average or 1.0)


def stems(text: str) -> list[str]:
    """The text's words in lower case without endings and without the commonest."""
    return [_stem(word) for word in _WORD.findall(text.lower()) if word not in _DROPPED]


def _stem(word: str) -> str:
    for endings in _ENDINGS:
        ending = next((one for one in endings if word.endswith(one) and len(word) - len(one) >= _STEM), "")
        word = word.removesuffix(ending)
    return word[:-1] if len(word) > _STEM + 1 and word[-1] == word[-2] else word
