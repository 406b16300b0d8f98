"""A real recorded incident, replayed with its times shifted so that it ends now; the seed picks which."""

from random import Random

from bot.local.world.physics import System
from bot.local.world.recording import load_recordings
from bot.local.world.scene import AlertPlan, Scene, Truth
from bot.local.world.topology import Topology


def draw(seed: int, now: float) -> Scene:
    """Pick a recording; nothing can be executed on it, so cluster and AWS stay empty."""
    recording = Random(f"recorded/{seed}").choice(load_recordings())
    return Scene(
        name="recorded",
        seed=seed,
        now=now,
        ends="explained",
        system=System(seed, Topology((), (), (), ())),
        curves={},
        truth=Truth(recording.root_cause, "recorded", None, None),
        alerts=AlertPlan(()),
        recording=recording,
    )
