"""Slack's rate limits as token buckets on the double's clock; refused calls cost nothing."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tier:
    """A limit: how many calls a minute, and how many at once."""

    per_minute: float
    burst: int


POST_PER_CHANNEL = Tier(60, 5)
TIER_2 = Tier(20, 5)
TIER_3 = Tier(50, 10)
TIER_4 = Tier(100, 20)
SPECIAL = Tier(600, 60)

TIERS: dict[str, Tier] = {
    "auth.test": SPECIAL,
    "api.test": TIER_4,
    "apps.connections.open": Tier(20, 10),
    "chat.postMessage": Tier(600, 120),
    "chat.update": TIER_3,
    "chat.delete": TIER_3,
    "chat.postEphemeral": TIER_4,
    "chat.getPermalink": SPECIAL,
    "conversations.create": TIER_2,
    "conversations.list": TIER_2,
    "conversations.setTopic": TIER_2,
    "conversations.setPurpose": TIER_2,
    "conversations.archive": TIER_2,
    "conversations.info": TIER_3,
    "conversations.invite": TIER_3,
    "conversations.join": TIER_3,
    "conversations.history": TIER_3,
    "conversations.replies": TIER_3,
    "conversations.members": TIER_4,
    "pins.add": TIER_2,
    "pins.list": TIER_2,
    "reactions.add": TIER_3,
    "users.info": TIER_4,
    "users.list": TIER_2,
    "users.conversations": TIER_3,
    "usergroups.list": TIER_2,
    "usergroups.users.list": TIER_2,
    "views.open": TIER_4,
    "views.update": TIER_4,
    "views.push": TIER_4,
    "views.publish": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.completeUploadExternal": TIER_4,
    "files.info": TIER_4,
    "blocks.validate": TIER_4,
}


@dataclass
class _Bucket:
    tier: Tier
    tokens: float
    at: float

    def level(self, now: float) -> float:
        return min(float(self.tier.burst), self.tokens + (now - self.at) * self.tier.per_minute / 60)


@dataclass
class Limits:
    """All buckets of one workspace."""

    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def wait_seconds(self, now: float, method: str, channel: str | None) -> int:
        """0 when the call may go on (and is counted), else Slack's Retry-After in whole seconds."""
        wanted = {method: TIERS.get(method, TIER_3)}
        if method == "chat.postMessage" and channel:
            wanted[f"{method} {channel}"] = POST_PER_CHANNEL
        buckets = [self._bucket(key, tier, now) for key, tier in wanted.items()]
        for bucket in buckets:
            level = bucket.level(now)
            if level < 1:
                return max(1, math.ceil((1 - level) * 60 / bucket.tier.per_minute))
        for bucket in buckets:
            bucket.tokens, bucket.at = bucket.level(now) - 1, now
        return 0

    def _bucket(self, key: str, tier: Tier, now: float) -> _Bucket:
        if key not in self._buckets:
            self._buckets[key] = _Bucket(tier, float(tier.burst), now)
        return self._buckets[key]
