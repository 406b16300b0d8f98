"""What a storm came to is on its card as soon as it has ended, and drops of alerts are no storms."""

from bot.adapters.store.sql import SqlStore
from tests.slack.clock import HandClock
from tests.slack.test_outbox import TroubledChat, declare, note, sender


def test_what_a_storm_came_to_is_shown_as_soon_as_it_has_ended(store: SqlStore) -> None:
    clock = HandClock()
    newest_at, chat = clock.now(), TroubledChat(clock)
    outbox = sender(store, chat, clock, "web-1")
    outbox.quiet_s = lambda: clock.now() - newest_at
    incident = declare(store, clock)
    outbox.send_due()

    def play(seconds: float, every_s: float = 0.1) -> int:
        nonlocal newest_at
        before = chat.posts[0].edits
        for at in range(round(seconds * 10)):
            if every_s and at % round(every_s * 10) == 0:
                note(store, clock, incident)
                newest_at = clock.now()
            outbox.send_due()
            clock.forward(0.1)
        return chat.posts[0].edits - before

    assert play(2.0) == 0, "the storm is still coming in"
    assert play(0.7, every_s=0) == 1, "and now it has ended"
    assert play(0.5) == 0
    assert play(1.0, every_s=0) == 1, "a second later another one has, ahead of its turn"
    assert play(8.0, every_s=1.0) <= 4, "alerts in drops are no storms"
    assert play(50.0, every_s=1.0) <= 6
