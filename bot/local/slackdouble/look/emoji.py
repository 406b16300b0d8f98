"""The emoji names that incident messages use; an unknown name stays as typed."""

import re

NAMES = {
    "rotating_light": "🚨", "fire": "🔥", "warning": "⚠️", "white_check_mark": "✅", "x": "❌",
    "heavy_check_mark": "✔️", "red_circle": "🔴", "large_red_circle": "🔴", "large_orange_circle": "🟠",
    "large_yellow_circle": "🟡", "large_green_circle": "🟢", "large_blue_circle": "🔵", "white_circle": "⚪",
    "black_circle": "⚫", "eyes": "👀", "mag": "🔍", "tada": "🎉", "bell": "🔔", "no_bell": "🔕",
    "lock": "🔒", "unlock": "🔓", "key": "🔑", "shield": "🛡️", "hourglass": "⌛",
    "hourglass_flowing_sand": "⏳", "stopwatch": "⏱️", "clock1": "🕐", "memo": "📝", "pushpin": "📌",
    "link": "🔗", "bulb": "💡", "chart_with_upwards_trend": "📈", "chart_with_downwards_trend": "📉",
    "bar_chart": "📊", "arrow_right": "➡️", "arrow_up": "⬆️", "arrow_down": "⬇️", "leftwards_arrow_with_hook": "↩️",
    "octagonal_sign": "🛑", "no_entry": "⛔", "no_entry_sign": "🚫", "construction": "🚧", "wrench": "🔧",
    "hammer_and_wrench": "🛠️", "gear": "⚙️", "robot_face": "🤖", "wave": "👋", "+1": "👍", "thumbsup": "👍",
    "-1": "👎", "thumbsdown": "👎", "question": "❓", "exclamation": "❗", "information_source": "ℹ️",
    "rocket": "🚀", "package": "📦", "calendar": "📅", "globe_with_meridians": "🌐", "snowflake": "❄️",
    "zap": "⚡", "skull": "💀", "bug": "🐛", "sos": "🆘", "repeat": "🔁", "stop_sign": "🛑",
    "page_facing_up": "📄", "file_folder": "📁", "speech_balloon": "💬", "busts_in_silhouette": "👥",
    "heavy_plus_sign": "➕", "heavy_minus_sign": "➖", "black_large_square": "⬛", "white_large_square": "⬜",
}  # fmt: skip
_NAME = re.compile(r":([a-z0-9_+\-]{1,40}):")


def emoji(text: str) -> str:
    """The text with known :names: replaced; times such as 14:04:31 stay."""
    return _NAME.sub(lambda found: NAMES.get(found[1], found[0]), text)
