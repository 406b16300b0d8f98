"""Finding the past write-up that is most like a text."""

from bot.domain.retrieval import index_of, stems

PAST = {
    "db": "The orders database ran out of connections after a batch job was scaled up.",
    "dns": "A bad resolver configuration made name lookups time out in one zone.",
    "disk": "Disks filled up with debug logs; the queue's brokers stopped.",
}


def test_the_nearest_comes_first_whatever_the_forms_of_words() -> None:
    index = index_of(PAST)
    assert index.nearest("connection exhausted in a database")[0][0] == "db"
    assert index.nearest("lookup timing out, resolvers configured badly")[0][0] == "dns"
    assert [found for found, _ in index.nearest("a full disk", most=1)] == ["disk"]


def test_nothing_in_common_finds_nothing() -> None:
    assert index_of(PAST).nearest("zebra and the of") == ()
    assert index_of({}).nearest("anything") == ()


def test_stems() -> None:
    assert stems("Connections were refused by the brokers") == stems("connection refuse broker")
