"""What the watcher knows of each service: one sealed row a service, bounded in number."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select

from bot.adapters.store import schema
from bot.adapters.store.parts.base import Part
from bot.domain.errors import Permanent

MOST_BASELINES = 2_000  # The ones looked at longest ago are forgotten.
_rows = schema.baselines
_CHUNK = 500


class WatchingPart(Part):
    """`bot.ports.Watching` in SQL."""

    def save_baseline(self, service: str, body: bytes, *, at: float) -> None:
        statement = self._upsert(_rows).values(
            tenant=self._tenant,
            service=service,
            sealed=self._keys.sealer.seal(body, label=_label(service)),
            at=at,
        )
        changes = {name: statement.excluded[name] for name in ("sealed", "at")}
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=("tenant", "service"), set_=changes)
        )
        mine = _rows.c.tenant == self._tenant
        newest = select(_rows.c.at).where(mine).order_by(_rows.c.at.desc()).offset(MOST_BASELINES).limit(1)
        beyond = self._connection.execute(newest).scalar_one_or_none()
        if beyond is not None:
            self._connection.execute(delete(_rows).where(mine, _rows.c.at <= beyond))

    def baselines(self, services: Sequence[str]) -> Mapping[str, bytes]:
        """Those that are known; one that does not open is as if it were not, since it is learned again."""
        found: dict[str, bytes] = {}
        for start in range(0, len(services), _CHUNK):
            chunk = services[start : start + _CHUNK]
            query = select(_rows).where(_rows.c.tenant == self._tenant, _rows.c.service.in_(chunk))
            for row in self._connection.execute(query):
                try:
                    found[row.service] = self._keys.sealer.open(row.sealed, label=_label(row.service))
                except Permanent:
                    continue
        return found

    def stalest_baselines(self, services: Sequence[str], *, limit: int) -> Sequence[str]:
        """The services looked at longest ago first; those never looked at before all others."""
        known: dict[str, float] = {}
        for start in range(0, len(services), _CHUNK):
            chunk = services[start : start + _CHUNK]
            query = select(_rows.c.service, _rows.c.at)
            query = query.where(_rows.c.tenant == self._tenant, _rows.c.service.in_(chunk))
            known.update((row.service, row.at) for row in self._connection.execute(query))
        return sorted(services, key=lambda service: (known.get(service, 0.0), service))[:limit]


def _label(service: str) -> str:
    return f"baseline:{service}"
