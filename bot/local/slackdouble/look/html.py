"""The Jinja environment of the page: autoescape on, Slack's text formats as functions."""

from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, Undefined
from markupsafe import Markup

from bot.local.slackdouble.double import Double
from bot.local.slackdouble.look.chart import chart
from bot.local.slackdouble.look.markdown import markdown
from bot.local.slackdouble.look.mrkdwn import mrkdwn, plain
from bot.local.slackdouble.look.pictograms import pictograms
from bot.local.slackdouble.look.rich import rich_text
from bot.local.slackdouble.model import Json, StoredFile
from bot.local.slackdouble.regions import Eyes, Line, initials, tone

_HERE = Path(__file__).parent.parent
_DRAWN = 4000
# These put finished pieces together.
_WHOLE = ("index.html", "lines.html")


class Html:
    """Renders the page's templates for one double."""

    def __init__(self, double: Double) -> None:
        self._double = double
        self._drawn: dict[tuple[object, ...], Markup] = {}
        self._env = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=Undefined,
        )
        self._env.globals.update(
            plain=plain,
            markdown=markdown,
            chart=chart,
            file_of=self._file,
            tone=tone,
            initials=initials,
            image_address=self._image,
        )

    def page(self, name: str, **values: Any) -> str:
        """One template with these values; the text functions know today's people and channels."""
        workspace = self._double.workspace
        html = self._env.get_template(name).render(
            mrkdwn=partial(mrkdwn, workspace),
            rich_text=partial(rich_text, workspace),
            everyone=[u for u in workspace.users.values() if not u.is_bot],
            **values,
        )
        return html if name in _WHOLE else pictograms(html)

    def line(self, eyes: Eyes, line: Line, *, thread: bool) -> Markup:
        """One message, drawn anew only when something that shows has changed."""
        body, workspace = line.body, self._double.workspace
        shown = (
            body.text,
            id(body.blocks),
            str(getattr(body, "reactions", "")),
            getattr(body, "edit_count", 0),
        )
        marks = (line.compact, line.pinned, line.answers, line.answered_at, line.answerers)
        key = (line.channel, line.ts, eyes.user.name, thread, shown, marks, len(workspace.channels))
        if key not in self._drawn:
            if len(self._drawn) >= _DRAWN:
                self._drawn.clear()
            drawn = self.page("line.html", line=line, eyes=eyes, thread=thread)
            self._drawn[key] = Markup(drawn)  # noqa: S704 - the template escapes
        return self._drawn[key]

    def _file(self, file_id: str) -> StoredFile:
        return self._double.workspace.files[file_id]

    def _image(self, block: Json) -> str | None:
        """The address on this host, or None for a picture elsewhere, which the page never loads."""
        file = block.get("slack_file")
        if isinstance(file, dict) and file.get("id") in self._double.workspace.files:
            stored = self._double.workspace.files[file["id"]]
            return f"/files/{stored.id}/{stored.name}"
        address = str(block.get("image_url", ""))
        base = self._double.options.base_url + "/"
        return "/" + address.removeprefix(base) if address.startswith(base) else None
