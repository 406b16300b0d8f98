"""views.*: modals and Home tabs."""

from bot.local.slackdouble import posting, wire
from bot.local.slackdouble.api.call import Call, missing
from bot.local.slackdouble.double import SlackError
from bot.local.slackdouble.model import Json, View

_STACK = 3


def _body(call: Call, kind: str) -> Json:
    view = call.data("view")
    if not isinstance(view, dict):
        raise missing("view")
    if view.get("type") != kind:
        raise SlackError(
            "invalid_arguments",
            response_metadata={"messages": [f"[ERROR] must be {kind} [json-pointer:/view/type]"]},
        )
    return view


def open_view(call: Call) -> Json:
    """Open a modal for the person behind a fresh trigger_id."""
    body = _body(call, "modal")
    trigger = call.double.use_trigger(call.string("trigger_id"))
    if trigger.view is not None and trigger.view in call.double.views:
        raise SlackError("view_stack_not_empty", detail="use views.push or views.update from a modal")
    return _show(call, posting.new_view(call.double, trigger.user, body))


def push(call: Call) -> Json:
    """Put a modal on top of the one that the trigger_id came from; three at most."""
    body = _body(call, "modal")
    trigger = call.double.use_trigger(call.string("trigger_id"))
    below = call.double.views.get(trigger.view or "")
    if below is None:
        raise SlackError("no_open_view")
    if sum(v.root_id == below.root_id for v in call.double.views.values()) >= _STACK:
        raise SlackError("push_limit_reached")
    return _show(call, posting.new_view(call.double, trigger.user, body, below))


def _show(call: Call, view: View) -> Json:
    external = view.body.get("external_id")
    if external and any(v.body.get("external_id") == external for v in call.double.views.values()):
        raise SlackError("duplicate_external_id")
    call.double.views[view.id] = view
    call.double.changed()
    return {"view": wire.view(view)}


def update(call: Call) -> Json:
    """Replace an open view, found by view_id or external_id."""
    view_id, external = call.optional("view_id"), call.optional("external_id")
    if view_id is None and external is None:
        raise missing("view_id")
    found = [
        v
        for v in call.double.views.values()
        if v.id == view_id or (external is not None and v.body.get("external_id") == external)
    ]
    if not found:
        raise SlackError("not_found")
    wanted = call.optional("hash")
    if wanted is not None and wanted != found[0].hash:
        raise SlackError("hash_conflict")
    return {"view": wire.view(posting.replace_view(call.double, found[0], _body(call, "modal")))}


def publish(call: Call) -> Json:
    """Set a person's Home tab."""
    user = call.user("user_id")
    view = posting.new_view(call.double, user.id, _body(call, "home"))
    call.double.homes[user.id] = view
    call.double.changed()
    return {"view": wire.view(view)}


METHODS = {"views.open": open_view, "views.push": push, "views.update": update, "views.publish": publish}
