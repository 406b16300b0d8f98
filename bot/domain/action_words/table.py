"""The words of every action, by its id."""

from collections.abc import Mapping

from bot.domain.action_words.amazon import WORDS as AMAZON
from bot.domain.action_words.amazon_data import WORDS as AMAZON_DATA
from bot.domain.action_words.database import WORDS as DATABASE
from bot.domain.action_words.jvm import WORDS as JVM
from bot.domain.action_words.kubernetes import WORDS as KUBERNETES
from bot.domain.action_words.words import Words

WORDS: Mapping[str, Words] = {**KUBERNETES, **AMAZON, **AMAZON_DATA, **DATABASE, **JVM}
