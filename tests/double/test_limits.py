"""Rate limits on the double's clock: bursts, refill, Retry-After, unchanged when time runs faster."""

from bot.local.slackdouble.limits import TIERS, Limits
from tests.double.conftest import Running


def test_post_burst_then_one_a_second_per_channel() -> None:
    limits = Limits()
    waits = [limits.wait_seconds(100.0, "chat.postMessage", "C1") for _ in range(7)]
    assert waits == [0, 0, 0, 0, 0, 1, 1]
    assert limits.wait_seconds(100.0, "chat.postMessage", "C2") == 0
    assert [limits.wait_seconds(t, "chat.postMessage", "C1") for t in (100.9, 101.0, 101.5, 102.0)] == [
        1,
        0,
        1,
        0,
    ]


def test_each_tier_refills_at_its_rate() -> None:
    tried = 0
    for method, tier in TIERS.items():
        if method == "chat.postMessage":
            continue
        limits = Limits()
        taken = sum(limits.wait_seconds(step / 40, method, None) == 0 for step in range(2401))
        assert abs(taken - (tier.burst + tier.per_minute)) <= 1, method
        tried += 1
    assert tried >= 30


def test_429_over_http_and_the_clock_sped_up(double: Running) -> None:
    double.post("clock", rate=0.001)
    post = {"channel": "C0ALERTS", "text": "x"}
    codes = [double.api("chat.postMessage", **post).status_code for _ in range(8)]
    assert codes == [200] * 5 + [429] * 3
    limited = double.api("chat.postMessage", **post)
    assert limited.headers["retry-after"] == "1"
    assert limited.json() == {"ok": False, "error": "ratelimited"}
    assert double.state()["counts"]["rate_limited"] == 4
    assert double.state()["counts"]["posts"] == 5
    double.post("clock", jump=2)
    assert [double.api("chat.postMessage", **post).status_code for _ in range(3)] == [200, 200, 429]
    double.post("clock", rate=600)
    double.until(lambda: double.api("chat.postMessage", **post).status_code == 200)


def test_edits_are_tier_3(double: Running) -> None:
    double.post("clock", rate=0.001)
    ts = double.call("chat.postMessage", channel="C0ALERTS", text="x")["ts"]
    edit = {"channel": "C0ALERTS", "ts": ts, "text": "y"}
    codes = [double.api("chat.update", **edit).status_code for _ in range(12)]
    assert codes == [200] * 10 + [429] * 2
    assert double.api("chat.update", **edit).headers["retry-after"] == "2"
