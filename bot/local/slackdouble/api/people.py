"""users.* and usergroups.*: who is there and who may approve."""

from bot.local.slackdouble import wire
from bot.local.slackdouble.api.call import Call
from bot.local.slackdouble.double import SlackError
from bot.local.slackdouble.model import BOT_USER, Json


def info(call: Call) -> Json:
    """One person."""
    return {"user": wire.user(call.user())}


def listing(call: Call) -> Json:
    """Everybody."""
    people = [wire.user(u) for u in call.double.workspace.users.values()]
    return {"members": people, "response_metadata": {"next_cursor": ""}}


def rooms(call: Call) -> Json:
    """The channels of a person, by default of the bot."""
    user = call.optional("user") or BOT_USER
    if user not in call.double.workspace.users:
        raise SlackError("user_not_found")
    found = [wire.channel(c) for c in call.double.workspace.channels.values() if user in c.members]
    return {"channels": found, "response_metadata": {"next_cursor": ""}}


def groups(call: Call) -> Json:
    """All user groups, members only when asked for."""
    found = [wire.group(g) for g in call.double.workspace.groups.values()]
    if not call.flag("include_users"):
        found = [{k: v for k, v in g.items() if k != "users"} for g in found]
    return {"usergroups": found}


def group_users(call: Call) -> Json:
    """Ids of a group's members."""
    group = call.double.workspace.groups.get(call.string("usergroup"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": list(group.users)}


METHODS = {
    "users.info": info,
    "users.list": listing,
    "users.conversations": rooms,
    "usergroups.list": groups,
    "usergroups.users.list": group_users,
}
