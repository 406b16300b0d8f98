"""What keeps the product from working right now: looked at every few seconds, said in the log, on /healthz and in Slack.

Slack is told by a post of its own, since the outbox stands in the very database that may be gone. Only what the
installation stands on is told there; a process that is missing is on /readyz. What is `lasting` keeps nothing from working
and does not mend itself: a person is needed, so it is told once in its own words, and stays on /healthz.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from bot.domain.errors import Permanent, Retryable, Undecided
from bot.domain.redaction import redact

# A restart of a database or of Redis takes less; nobody is woken for it.
TELL_AFTER_S = 10.0

_log = structlog.get_logger()


@dataclass(slots=True)
class Conditions:
    """`looks` say what is wrong with one thing each, empty where nothing is; `tell` posts a sentence to operators.

    `lasting` name what needs a person, by name in a sentence each.
    """

    looks: Mapping[str, Callable[[], str]]
    tell: Callable[[str, str], None]
    now: Callable[[], float]
    lasting: Callable[[], Mapping[str, str]] = dict
    _since: dict[str, float] = field(default_factory=dict)
    _wrong: dict[str, str] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _unsaid: list[tuple[str, str]] = field(default_factory=list)
    _lasts: dict[str, str] = field(default_factory=dict)

    def lasts(self) -> dict[str, str]:
        """What needed a person at the last look, by name."""
        return dict(self._lasts)

    def wrong(self) -> dict[str, str]:
        """What was wrong at the last look, by name."""
        return dict(self._wrong)

    def look(self) -> None:
        """Look at everything once; never raises for what it looks at."""
        now = self.now()
        for name, check in self.looks.items():
            found = _reason(check)
            if found:
                self._is_wrong(name, found, now)
            elif name in self._wrong:
                self._is_right(name, now)
        self._look_for_lasting()
        self._say()

    def _look_for_lasting(self) -> None:
        try:
            found = dict(self.lasting())
        except (Retryable, Permanent):
            return  # The looks above say why; what was known stays known.
        for name in found.keys() - self._lasts.keys() - self._told:
            self._told.add(name)
            _log.error("condition_lasting", condition=name, reason=found[name])
            self._unsaid.append((f"{name}:lasting", f"⚠️ {found[name]}"))
        self._lasts = found

    def _is_wrong(self, name: str, reason: str, now: float) -> None:
        if name not in self._wrong:
            self._since[name] = now
            _log.error("condition_began", condition=name, reason=reason)
        self._wrong[name] = reason
        if name not in self._told and now - self._since[name] >= TELL_AFTER_S:
            self._told.add(name)
            words = f"⚠️ Watchkeeper cannot use its {name}: {reason}. Alerts that cannot be stored are refused with 503 and sent again by their source; everything resumes by itself."
            self._unsaid.append((f"{name}:{self._since[name]:.0f}:began", words))

    def _is_right(self, name: str, now: float) -> None:
        lasted = now - self._since.pop(name)
        del self._wrong[name]
        _log.warning("condition_ended", condition=name, seconds=round(lasted, 1))
        if name in self._told:
            self._told.discard(name)
            words = f"✅ Watchkeeper can use its {name} again, after {lasted:.0f} s. Nothing that was acknowledged is lost."
            self._unsaid.append((f"{name}:{now:.0f}:ended", words))

    def _say(self) -> None:
        while self._unsaid:
            key, words = self._unsaid[0]
            try:
                self.tell(key, words)
            except (Retryable, Undecided, Permanent) as error:
                _log.warning("condition_untold", reason=str(error))
                return
            del self._unsaid[0]


def _reason(check: Callable[[], str]) -> str:
    try:
        return check()
    except (Retryable, Permanent) as error:
        return redact(str(error))
