"""auth.test, api.test, apps.connections.open and blocks.validate."""

from bot.local.slackdouble.api.call import Call, missing
from bot.local.slackdouble.double import SlackError
from bot.local.slackdouble.model import APP, BOT, BOT_USER, TEAM, Json
from bot.local.slackdouble.strict.layout import check_blocks, check_view


def auth_test(call: Call) -> Json:
    """Who this token is."""
    return {
        "url": call.double.options.base_url + "/",
        "team": "Local",
        "user": "watchkeeper",
        "team_id": TEAM,
        "user_id": BOT_USER,
        "bot_id": BOT,
        "app_id": APP,
        "is_enterprise_install": False,
    }


def api_test(call: Call) -> Json:
    """Echo the arguments."""
    return {"args": call.args}


def connections_open(call: Call) -> Json:
    """A one-time WebSocket address; refused while the app is set to HTTP."""
    options = call.double.options
    if options.request_url:
        raise SlackError("socket_mode_disabled")
    link = call.double.workspace.next_id("link")
    call.double.tickets.add(link)
    return {"url": f"ws://{options.host}:{options.port}/link/?ticket={link}&app_id={APP}"}


def validate(call: Call) -> Json:
    """Check blocks or a view without sending them."""
    view = call.data("view")
    blocks = call.data("blocks")
    if view is None and blocks is None:
        raise missing("blocks")
    faults = check_view(view) if view is not None else check_blocks(blocks, "message")
    if faults:
        raise SlackError("invalid_blocks", errors=faults, response_metadata={"messages": faults})
    return {}


METHODS = {
    "auth.test": auth_test,
    "api.test": api_test,
    "apps.connections.open": connections_open,
    "blocks.validate": validate,
}
