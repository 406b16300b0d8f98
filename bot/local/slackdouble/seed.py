"""The workspace that a newcomer finds: two channels, five people, one group, one bot; ids never change."""

from bot.local.slackdouble.model import BOT, BOT_USER, Channel, Group, User, Workspace

PEOPLE = (
    User("U0ONCALL1", "oncall-1", "Oncall One"),
    User("U0ONCALL2", "oncall-2", "Oncall Two"),
    User("U0ONCALL3", "oncall-3", "Oncall Three"),
    User("U0OUTSIDER", "outsider", "Outside Group"),
    User("U0GUEST", "guest", "Guest", is_restricted=True, is_ultra_restricted=True),
    User(BOT_USER, "watchkeeper", "Watchkeeper", is_bot=True, bot_id=BOT),
)


def fresh(now: float) -> Workspace:
    """A new workspace; `now` is the creation time of its channels in unix seconds."""
    users = {u.id: User(**vars(u)) for u in PEOPLE}
    members = list(users)
    alerts = Channel("C0ALERTS", "alerts", now, "U0ONCALL1", topic="Alerts, and one line for each incident")
    general = Channel("C0GENERAL", "general", now, "U0ONCALL1", topic="Company-wide", is_general=True)
    for channel in (alerts, general):
        channel.members = list(members)
    return Workspace(
        users=users,
        channels={c.id: c for c in (alerts, general)},
        groups={"S0ONCALL": Group("S0ONCALL", "oncall", "On call", ["U0ONCALL1", "U0ONCALL2", "U0ONCALL3"])},
        last_ts=now,
        # Ids go on from the time of day, so that an app with an old database never meets one again.
        last_number=int(now) % 10_000_000,
    )
