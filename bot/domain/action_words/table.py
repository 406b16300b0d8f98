"""The words of every action, by its id."""

from collections.abc import Mapping

from bot.domain.action_words.amazon import WORDS as AMAZON
from bot.domain.action_words.database import WORDS as DATABASE
from bot.domain.action_words.kubernetes import WORDS as KUBERNETES
from bot.domain.action_words.words import Words

WORDS: Mapping[str, Words] = {**KUBERNETES, **AMAZON, **DATABASE}
