"""Text that is safe in Slack: one escaping function, clipping, dates, severity words.

Every string that we did not write ourselves goes through `safe` before it may stand in mrkdwn; cells, headers and
preformatted text are never parsed by Slack and only need `plain`.
"""

import re
import time
import unicodedata

from bot.domain.incident import Severity

_JOINER = "\u2060"
_SCHEME = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}):(?=//)|\b(mailto|tel|slack|javascript|data):(?=\S)")
_SUMMONS = re.compile(r"(?i)@(?=here\b|channel\b|everyone\b)")
_BARE_HOST = re.compile(r"(?i)\b(www)\.(?=\S)")
_HALF_MARK = re.compile(r"(&[a-z]{0,4}|<[^<>]*)$")
_KEPT_CONTROLS = "\n\t"
_MARKS = str.maketrans({"*": "∗", "`": "ʹ", "~": "∼"})
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
SEVERITY_EMOJI = {Severity.SEV1: "🔴", Severity.SEV2: "🟠", Severity.SEV3: "🟡", Severity.SEV4: "🔵"}


def plain(text: str, limit: int) -> str:
    """The text without control, invisible and direction-changing characters, at most `limit` characters."""
    kept = "".join(
        char
        for char in text
        if char in _KEPT_CONTROLS or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co")
    )
    return clip(kept.strip(), limit)


def line(text: str, limit: int) -> str:
    """`plain` on one line."""
    return clip(" ".join(plain(text, len(text) + 1).split()), limit)


def safe(text: str, limit: int) -> str:
    """Foreign text for mrkdwn: one line, no live mention, link, formatting or date; at most `limit` before escaping."""
    return inert(line(text, limit)).translate(_MARKS).translate(_ESCAPES)


def inert(text: str) -> str:
    """The same words with every address and summons broken by an invisible joiner, so that no client links them."""
    text = _SCHEME.sub(lambda found: f"{found.group(0)}{_JOINER}", text)
    text = _BARE_HOST.sub(rf"\1{_JOINER}.", text)
    return _SUMMONS.sub(f"@{_JOINER}", text)


def code(text: str, limit: int) -> str:
    """A foreign name in code style."""
    return f"`{safe(text, limit) or '?'}`"


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, the last one an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + "…"


def clip_mrkdwn(text: str, limit: int) -> str:
    """Cut finished mrkdwn without leaving half an entity or half a link."""
    if len(text) <= limit:
        return text
    return _HALF_MARK.sub("", text[: limit - 1]).rstrip() + "…"


def severity_word(severity: Severity) -> str:
    """Colour and word together, because colour alone is not readable for everybody."""
    return f"{SEVERITY_EMOJI[severity]} {severity.label}"


def moment(at_ms: int) -> str:
    """A time to the second that each reader sees in the own zone, with UTC as fallback.

    The date is there, since a message is read as long as it stands; of today's and yesterday's Slack says so in a word.
    """
    at = at_ms // 1000
    fallback = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
    return f"<!date^{at}^{{date_short_pretty}} {{time_secs}}|{fallback}>"


def day_and_time(at_ms: int) -> str:
    """Like `moment`, to the minute: for what is planned."""
    at = at_ms // 1000
    fallback = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
    return f"<!date^{at}^{{date_short_pretty}} {{time}}|{fallback}>"


def clock_utc(at_ms: int) -> str:
    """14:04:31 UTC."""
    return time.strftime("%H:%M:%S UTC", time.gmtime(at_ms // 1000))


def duration(seconds: float) -> str:
    """A length of time in at most two units."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def number(value: int) -> str:
    """1 312 with a thin space, which no locale reads as a decimal point."""
    return f"{value:,}".replace(",", "\u202f")


def mention(user: str) -> str:
    """A live mention of a Slack user id that our own log holds; anything else becomes inert text."""
    return f"<@{user}>" if re.fullmatch(r"[UW][A-Z0-9]{2,20}", user) else safe(user, 40)


def channel_link(channel: str) -> str:
    """A live link to a channel id of ours; anything else becomes inert text."""
    return f"<#{channel}>" if re.fullmatch(r"[CG][A-Z0-9]{2,20}", channel) else safe(channel, 80)


def group_mention(group: str) -> str:
    """A live mention of a user group id of our settings; anything else becomes inert text."""
    return f"<!subteam^{group}>" if re.fullmatch(r"S[A-Z0-9]{2,20}", group) else safe(group, 40)
