"""data_visualization as an inline SVG: line, area, bar and pie, readable in light and dark; pure."""

import math
from typing import Any

from markupsafe import Markup, escape

from bot.local.slackdouble.model import Json

_WIDTH, _HEIGHT = 600, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 14, 42


def chart(block: Json) -> Markup:
    """The chart with its title and legend."""
    body = block["chart"]
    drawn = _pie(body["segments"]) if body["type"] == "pie" else _axes(body)
    names = (
        [s["label"] for s in body["segments"]]
        if body["type"] == "pie"
        else [s["name"] for s in body["series"]]
    )
    legend = Markup("").join(
        Markup('<li><i class="swatch c{}"></i>{}</li>').format(at, name) for at, name in enumerate(names)
    )
    shape = Markup('<figure class="chart"><figcaption>{}</figcaption>{}<ul class="legend">{}</ul></figure>')
    return shape.format(block["title"], drawn, legend)


def _nice(value: float) -> float:
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value - 1e-12)


def number(value: float) -> str:
    """A short axis label."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{sign}"
    return f"{value:.3g}"


def _axes(body: Json) -> Markup:
    categories = body["axis_config"]["categories"]
    rows = [{p["label"]: float(p["value"]) for p in s["data"]} for s in body["series"]]
    values = [[row.get(c, 0.0) for c in categories] for row in rows]
    flat = [v for row in values for v in row]
    low, high = min(0.0, *flat), max(0.0, *flat)
    step = _nice((high - low) / 4)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    if high == low:
        high = low + step
    span_x, span_y = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def y(value: float) -> float:
        return _TOP + span_y * (high - value) / (high - low)

    slot = span_x / len(categories)
    centers = [_LEFT + slot * (at + 0.5) for at in range(len(categories))]
    parts = [_grid(low + step * n, y(low + step * n)) for n in range(round((high - low) / step) + 1)]
    parts += _labels(categories, centers, body["axis_config"])
    if body["type"] == "bar":
        parts += _bars(values, centers, slot, y)
    else:
        parts += _lines(values, centers, y, filled=body["type"] == "area")
    return _svg(parts, body["type"])


def _svg(parts: list[Markup], kind: str) -> Markup:
    head = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{} chart">').format(_WIDTH, _HEIGHT, kind)
    return head + Markup("").join(parts) + Markup("</svg>")


def _grid(value: float, y: float) -> Markup:
    line = Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
        _LEFT, _WIDTH - _RIGHT, y, y
    )
    text = Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>')
    return line + text.format(_LEFT - 6, y + 4, number(value))


def _labels(categories: list[str], centers: list[float], axis: Json) -> list[Markup]:
    every = max(1, math.ceil(len(categories) * max(map(len, categories)) * 6.5 / (_WIDTH - _LEFT)))
    text = Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>')
    out = [
        text.format(x, _HEIGHT - _BOTTOM + 16, name)
        for at, (name, x) in enumerate(zip(categories, centers, strict=True))
        if at % every == 0
    ]
    if axis.get("x_label"):
        out.append(text.format((_WIDTH + _LEFT) / 2, _HEIGHT - 6, axis["x_label"]))
    if axis.get("y_label"):
        out.append(Markup('<text x="2" y="10">{}</text>').format(axis["y_label"]))
    return out


def _lines(values: list[list[float]], centers: list[float], y: Any, *, filled: bool) -> list[Markup]:
    out = []
    for at, row in enumerate(values):
        points = " ".join(f"{x:.1f},{y(v):.1f}" for x, v in zip(centers, row, strict=True))
        if filled:
            base = f"{centers[0]:.1f},{y(0):.1f} {points} {centers[-1]:.1f},{y(0):.1f}"
            out.append(Markup('<polygon class="fill c{}" points="{}"/>').format(at, base))
        out.append(Markup('<polyline class="line c{}" points="{}"/>').format(at, points))
        for x, v in zip(centers, row, strict=True):
            dot = Markup('<circle class="dot c{}" cx="{:.1f}" cy="{:.1f}" r="2.6"><title>{}</title></circle>')
            out.append(dot.format(at, x, y(v), number(v)))
    return out


def _bars(values: list[list[float]], centers: list[float], slot: float, y: Any) -> list[Markup]:
    width = slot * 0.72 / len(values)
    out = []
    for at, row in enumerate(values):
        for x, v in zip(centers, row, strict=True):
            left = x - slot * 0.36 + at * width
            top, height = min(y(v), y(0)), abs(y(v) - y(0))
            bar = Markup(
                '<rect class="bar c{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
            )
            out.append(bar.format(at, left, top, width * 0.92, height, number(v)))
    return out


def _pie(segments: list[Json]) -> Markup:
    total = sum(max(0.0, float(s["value"])) for s in segments) or 1.0
    out, angle, radius = [], -math.pi / 2, 96.0
    middle_x, middle_y = _WIDTH / 2, _HEIGHT / 2
    for at, segment in enumerate(segments):
        share = max(0.0, float(segment["value"])) / total
        label = escape(f"{segment['label']}: {share:.0%}")
        if share >= 1:
            whole = Markup('<circle class="bar c{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>')
            out.append(whole.format(at, middle_x, middle_y, radius, label))
            continue
        start, angle = angle, angle + 2 * math.pi * share
        ends = [(middle_x + radius * math.cos(a), middle_y + radius * math.sin(a)) for a in (start, angle)]
        path = (
            f"M{middle_x},{middle_y} L{ends[0][0]:.2f},{ends[0][1]:.2f} "
            f"A{radius},{radius} 0 {int(share > 0.5)} 1 {ends[1][0]:.2f},{ends[1][1]:.2f} Z"
        )
        out.append(
            Markup('<path class="bar slice c{}" d="{}"><title>{}</title></path>').format(at, path, label)
        )
    return _svg(out, "pie")
