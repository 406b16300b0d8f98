"""What people type to draft a standing order: the help's own forms, and the short one."""

import pytest

from bot.domain.order_words import tier_words


@pytest.mark.parametrize(
    ("typed", "playbook", "services"),
    [
        ("auto", "", ""),
        ("auto fix", "fix", ""),
        ("auto fix shop", "fix", "shop"),
        ("auto fix shop cart", "fix", "shop cart"),
        ("auto service shop", "", "shop"),
        ("auto service shop, cart", "", "shop cart"),
        ("auto playbook fix service shop", "fix", "shop"),
        ("auto service shop playbook fix", "fix", "shop"),
        ("AUTO Service shop", "", "shop"),
    ],
)
def test_a_name_goes_where_its_word_says(typed: str, playbook: str, services: str) -> None:
    words = tier_words(typed)
    assert (words.playbook, words.services) == (playbook, services)
