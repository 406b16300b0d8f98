"""ask once: what a live inventory said (or that it did not answer) counts for the whole of one proposal.

Many playbooks ask for the same objects. Without this, one provider that hangs costs its timeout once for each playbook,
and every later incident waits for that.
"""

from collections.abc import Callable, Mapping

from bot.domain.errors import Permanent, Retryable
from bot.domain.plan import Target
from bot.ports import Inventory

Found = list[tuple[Target, Mapping[str, str]]]
# One object that nobody foresaw ends no investigation: its question has no answer, the others have.
_STRANGE = (LookupError, ValueError, TypeError, AttributeError)


class AskedOnce:
    """`bot.ports.Inventory` over another one, for as long as one proposal takes."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self.kinds = inventory.kinds
        self._said: dict[tuple[str, str, str], Found | Permanent] = {}
        self._away: Retryable | None = None

    def find(self, kind: str, service: str) -> Found:
        """As the inventory's own; once it did not answer, that is said again without asking."""
        return self._once(("find", kind, service), lambda: self._inventory.find(kind, service))

    def declared(self, kind: str, role: str) -> Found:
        """Likewise."""
        return self._once(("declared", kind, role), lambda: self._inventory.declared(kind, role))

    def _once(self, question: tuple[str, str, str], ask: Callable[[], Found]) -> Found:
        if self._away is not None:
            raise self._away
        if question not in self._said:
            try:
                self._said[question] = ask()
            except Permanent as error:
                self._said[question] = error
            except _STRANGE as error:
                message = f"the live inventory holds something strange: {type(error).__name__}: {error}"
                self._said[question] = Permanent(message[:300])
            except Retryable as error:
                self._away = error
                raise
        said = self._said[question]
        if isinstance(said, Permanent):
            raise said
        return said
