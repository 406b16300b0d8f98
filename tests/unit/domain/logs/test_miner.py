"""Templates: what varies by its form, what varies by its words, and how much is kept."""

from bot.domain.logs import miner as mining
from bot.domain.logs.masks import Masks
from bot.domain.logs.miner import Miner

LINES = (
    ("Received block blk_-3587508140051953248 of size 67108864 from /10.251.42.84",
     "Received block <*> of size <*> from <*>"),
    ('10.11.10.1 "GET /v2/54fad/servers/detail HTTP/1.1" status: 200 len: 1893 time: 0.24',
     '<*> "GET <*> HTTP/<*>" status: <*> len: <*> time: <*>'),
    ("[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] VM Started", "[instance: <*>] VM Started"),
    ("Saved output of task 'attempt_2017_m_3' to hdfs://10.10.34.11:9000/x/y",
     "Saved output of task '<*>' to hdfs://<*>"),
    ("proxy.example.com:5070 close, 403 bytes sent", "<*>:<*> close, <*> bytes sent"),
    ("status changed at Fri Jul 01 08:16:53 UTC 2005 to ok", "status changed at <*> to ok"),
    ("jk2_init() Found child 6725 in slot -1", "jk2_init() Found child <*> in slot <*>"),
    ("opening /var/log/app/x.log: Permission denied", "opening <*>: Permission denied"),
    ("flag=true limit=null", "flag=<*> limit=<*>"),
    ("", ""),
)  # fmt: skip


def test_what_varies_by_its_form() -> None:
    masks = Masks()
    for _ in range(2):  # The second time every word is known.
        for line, template in LINES:
            assert masks.mask(line) == template


def test_few_words_are_templates_and_many_are_a_variable() -> None:
    miner = Miner()
    states = [miner.learn(f"link of port {n} is now {state}") for n, state in enumerate(("up", "down", "up"))]
    assert states[0] == states[2] != states[1]
    people = [
        miner.learn(f"session opened for user={name} by cron")
        for name in ("ann", "bob", "eve", "dan", "kim", "lea")
    ]
    assert len({miner.resolve(one) for one in people}) == 1
    assert miner.text(people[0]) == "session opened for user=<*> by cron"
    assert miner.text(states[1]) == "link of port <*> is now down"


def test_lines_of_other_length_or_words_are_other_templates() -> None:
    miner = Miner()
    ids = miner.learn_all(("disk full", "disk full again", "cannot open socket", "cannot open file"))
    assert len(set(ids)) == 4
    assert miner.learn_all(("disk full", "cannot open file")) == [ids[0], ids[3]]


def test_it_remembers_what_an_earlier_life_knew() -> None:
    first = Miner()
    first.learn_all(f"request {n} took {n} ms" for n in range(9))
    again = Miner(first.text(template) for template in range(1, len(first) + 1))
    before = len(again)
    assert again.text(again.learn("request 77 took 12 ms")) == "request <*> took <*> ms"
    assert len(again) == before


def test_memory_is_bounded() -> None:
    miner = Miner()
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [a + b + c for a in letters for b in letters for c in letters]
    miner.learn_all(
        f"{one} {two} {three}" for one, two, three in zip(words, words[7:], words[900:], strict=False)
    )
    assert len(miner) <= 2 * mining.MOST_TEMPLATES + 1
    assert miner.text(miner.know("one <*> more <*> of <*>")) == "<*>"
    assert miner.cached <= 2 * mining.MOST_SHAPES
    miner = Miner()
    assert miner.text(miner.learn("x" * 10_000)) == "x" * mining.MOST_CHARS


def test_odd_text_does_no_harm() -> None:
    miner = Miner()
    for line in ("", "   ", "\x00\x01", "\ud800 broken", "ünïcödé 7", "<*> <*> <*>", "%" * 50):
        assert isinstance(miner.text(miner.learn(line)), str)


def test_what_was_variable_in_an_earlier_life_is_variable_still() -> None:
    miner = Miner()
    template = miner.know("order <*> [<*> <*> done]")
    assert miner.text(template) == "order <*> [<*> <*> done]"
    assert miner.resolve(miner.learn("order 17 [Cancel Order done]")) == template
    assert miner.text(miner.learn("order 17 [Cancel Order failed]")) != miner.text(template)
