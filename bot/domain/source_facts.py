"""What is fixed about one monitoring system: how it proves itself, how large its calls are, how it is set up.

Each parser carries one; intake, `watchkeeper sources`, the OpenAPI file and docs/sources/ are made from it.
"""

from dataclasses import dataclass

from bot.domain.trust import Trust

SMALL_BYTES = 1024 * 1024
BATCH_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """`proofs` name schemes of `domain/authenticity`, the first is the one without a word in the settings.

    `setup` holds the steps on the sender's side with {url} and {token} in them; `mapping` pairs the sender's field
    with what becomes of it. `window_s` is how old a call may be by the sender's own time; 0 where it has none.
    """

    kind: str
    title: str
    proofs: tuple[str, ...]
    setup: str
    mapping: tuple[tuple[str, str], ...]
    about: str
    batches: bool = False
    trust: Trust = Trust.WORKLOAD
    window_s: float = 0.0

    @property
    def most_bytes(self) -> int:
        """The largest body that is taken after a token was shown; before that it is SMALL_BYTES for everybody."""
        return BATCH_BYTES if self.batches else SMALL_BYTES
