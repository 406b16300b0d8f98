"""What is unusual about a service's lines: new templates, jumps, query shapes, requests; and what is remembered."""

from bot.domain.logs.detect import study
from bot.domain.logs.memory import MOST_THINGS, Memory
from bot.domain.logs.queries import query_shape
from bot.domain.telemetry import LogLine
from bot.domain.watch.finding import Finding, Kind

NOW = 1_800_000_000.0
WORDS = ("GET /items/{n} 200 in {n} ms", "cache refreshed in {n} ms", "pool has {n} idle connections")


def ordinary(start: float, end: float, every: float = 5.0) -> list[LogLine]:
    count = int((end - start) / every)
    return [LogLine("shop", start + i * every, WORDS[i % 3].format(n=i)) for i in range(count)]


def lines(text: str, start: float, end: float, every: float = 6.0) -> list[LogLine]:
    return [LogLine("shop", start + i * every, text.format(n=i)) for i in range(int((end - start) / every))]


def look(memory: Memory, *parts: list[LogLine], now: float = NOW) -> list[Finding]:
    return study(memory, [line for part in parts for line in part], service="shop", now=now)


def test_ordinary_lines_are_nothing() -> None:
    memory = Memory()
    assert look(memory, ordinary(NOW - 2400, NOW)) == []
    assert look(memory, ordinary(NOW, NOW + 60), now=NOW + 60) == []
    assert len(memory.templates) == 3


def test_a_new_kind_of_line_and_a_new_query_shape() -> None:
    slow = "slow query: SELECT * FROM t WHERE id IN ({n}, 2) AND name = 'x{n}'"
    found = look(Memory(), ordinary(NOW - 2400, NOW), lines(slow, NOW - 90, NOW))
    assert {one.kind for one in found} == {Kind.TEMPLATE, Kind.QUERY}
    assert {one.quote for one in found if one.kind is Kind.QUERY} == {
        "select * from t where id in (?) and name = ?"
    }
    assert all(NOW - 91 <= one.since_at <= NOW for one in found)


def test_what_is_new_without_a_past_or_only_once_is_nothing() -> None:
    assert look(Memory(), lines("disk {n} is full", NOW - 100, NOW)) == []
    assert look(Memory(), ordinary(NOW - 2400, NOW), lines("disk {n} is full", NOW - 6, NOW)) == []


def test_what_began_before_an_incident_ended_is_no_news() -> None:
    memory = Memory(covered_at=NOW - 30)
    assert look(memory, ordinary(NOW - 2400, NOW), lines("disk {n} is full", NOW - 90, NOW)) == []


def test_it_survives_a_restart() -> None:
    memory = Memory()
    look(memory, ordinary(NOW - 2400, NOW))
    again = Memory.load(memory.dump())
    assert again == memory
    found = look(again, ordinary(NOW, NOW + 60), lines("disk {n} is full", NOW, NOW + 60), now=NOW + 60)
    assert [one.kind for one in found] == [Kind.TEMPLATE]
    assert Memory.load(b'{"version": 0}') == Memory()


def test_a_known_line_five_times_as_often() -> None:
    rare = lines("retry {n} of the payment", NOW - 2400, NOW - 200, every=100.0)
    many = lines("retry {n} of the payment", NOW - 100, NOW, every=4.0)
    found = look(Memory(), ordinary(NOW - 2400, NOW), rare, many)
    assert [one.kind for one in found] == [Kind.RATE]
    assert found[0].quote == "retry <*> of the payment"


def test_requests_with_a_trail_that_none_left_before() -> None:
    def requests(first: int, count: int, start: float, *words: str) -> list[LogLine]:
        return [
            LogLine("shop", start + i + place / 10, f"{word} request=0000beef-0000-0000-{first + i:012d}")
            for i in range(count)
            for place, word in enumerate(words)
        ]

    memory = Memory()
    usual = ("received", "priced", "answered")
    look(memory, requests(0, 120, NOW - 2000, *usual), now=NOW - 60)
    found = look(
        memory,
        requests(200, 20, NOW - 50, *usual),
        requests(300, 5, NOW - 50, "received", "received", "received", "priced"),
    )
    assert [one.kind for one in found] == [Kind.SESSION]


def test_requests_are_known_by_templates_that_became_one() -> None:
    names = ("ann", "bob", "eve", "dan", "kim", "lea", "tom", "uwe")

    def requests(first: int, count: int, start: float, *who: str) -> list[LogLine]:
        return [
            LogLine("shop", start + i + place / 10, f"{word} request=0000beef-0000-0000-{first + i:012d}")
            for i in range(count)
            for place, word in enumerate(("received", f"basket of {who[i % len(who)]} read for", "answered"))
        ]

    memory = Memory()
    look(memory, requests(0, 120, NOW - 2000, *names[:5]), now=NOW - 300)
    assert len(memory.sessions) == 5
    found = look(memory, requests(200, 30, NOW - 200, *names), now=NOW - 100)
    assert Kind.SESSION not in {one.kind for one in found}
    assert list(memory.sessions.values()) == [150]
    assert Memory.load(memory.dump()) == memory


def test_a_word_where_many_came_before_is_no_new_kind_of_line() -> None:
    people = ("ann", "bob", "eve", "dan", "kim", "lea", "tom")
    memory = Memory()
    past = [LogLine("shop", NOW - 2000 + i, f"basket of {people[i % 7]} was read") for i in range(300)]
    look(memory, past, now=NOW - 200)
    assert list(memory.templates) == ["basket of <*> was read"]
    assert look(Memory.load(memory.dump()), lines("basket of uwe was read", NOW - 100, NOW)) == []


def test_no_secret_is_remembered() -> None:
    memory = Memory()
    look(memory, lines("login with password=hunter2hunter2 failed", NOW - 100, NOW))
    assert b"hunter2" not in memory.dump()


def test_memory_is_bounded() -> None:
    memory = Memory()
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [a + b for a in letters for b in letters]
    look(memory, [LogLine("shop", NOW - 700 + i, f"{one} {one}x happened") for i, one in enumerate(words)])
    assert len(memory.templates) <= MOST_THINGS
    assert len(memory.dump()) < 200_000


def test_query_shapes() -> None:
    shape = "select a from t where b = ? and c in (?)"
    for text in (
        "SELECT a FROM t WHERE b = 7 AND c IN (1, 2, 3);",
        "took 3 ms: select a  from t\nwhere b = 'x''y' and c in (4)",
        "SELECT a FROM t /* job 7 */ WHERE b = $1 AND c IN ($2,$3)",
    ):
        assert query_shape(text) == shape
    assert query_shape("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')") == "insert into t (a, b) values (?)"
    assert query_shape("please select a seat") == ""
