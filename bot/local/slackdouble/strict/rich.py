"""Rules for the data-heavy blocks: rich text, tables, plans and task cards, charts."""

import math
from typing import Any

from bot.local.slackdouble.model import Json
from bot.local.slackdouble.strict.problems import Problems

_PARTS = {"text", "link", "emoji", "user", "usergroup", "channel", "broadcast", "date", "color"}
_LABEL = 20


def rich_text(found: Problems, value: Any, path: str) -> None:
    """A rich_text object, as a block or inside a cell or task."""
    if not isinstance(value, dict) or value.get("type") != "rich_text":
        found.add(path, "must be a rich_text object")
        return
    found.known_keys(value, path, "type elements block_id")
    for at, part in enumerate(found.items(value.get("elements"), f"{path}/elements", 1, 100)):
        _rich_element(found, part, f"{path}/elements/{at}")


def _rich_element(found: Problems, value: Any, path: str) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "rich_text_list":
        found.known_keys(value, path, "type style indent offset border elements")
        if value.get("style") not in ("bullet", "ordered"):
            found.add(f"{path}/style", "must be bullet or ordered")
        for at, part in enumerate(found.items(value.get("elements"), f"{path}/elements", 1, 500)):
            _rich_element(found, part, f"{path}/elements/{at}")
    elif kind in ("rich_text_section", "rich_text_preformatted", "rich_text_quote"):
        found.known_keys(value, path, "type elements border language")
        for at, part in enumerate(found.items(value.get("elements"), f"{path}/elements", 0, 500)):
            if not isinstance(part, dict) or part.get("type") not in _PARTS:
                found.add(f"{path}/elements/{at}", "unsupported rich text element")
            elif part["type"] == "text":
                found.string(part.get("text"), f"{path}/elements/{at}/text", 4000)
    else:
        found.add(f"{path}/type", f"unsupported rich text element: {kind}")


def table(found: Problems, value: Json, path: str) -> None:
    """A table of at most 100 rows and 20 columns."""
    found.known_keys(value, path, "type block_id rows column_settings")
    _rows(found, value.get("rows"), f"{path}/rows", 100)
    settings = found.items(value.get("column_settings", []), f"{path}/column_settings", 0, 20)
    for at, column in enumerate(settings):
        if column is None:
            continue
        if not isinstance(column, dict) or column.get("align") not in (None, "left", "center", "right"):
            found.add(f"{path}/column_settings/{at}", "align must be left, center or right")


def data_table(found: Problems, value: Json, path: str) -> None:
    """A sortable, paged table of at most 201 rows."""
    found.known_keys(value, path, "type block_id rows caption page_size row_header_column_index")
    found.string(value.get("caption"), f"{path}/caption", 500)
    _rows(found, value.get("rows"), f"{path}/rows", 201)


def _rows(found: Problems, value: Any, path: str, most: int) -> None:
    width = -1
    for at, row in enumerate(found.items(value, path, 1, most)):
        cells = found.items(row, f"{path}/{at}", 1, 20)
        width = len(cells) if width < 0 else width
        if len(cells) != width:
            found.add(f"{path}/{at}", f"every row must have {width} cells")
        for column, cell in enumerate(cells):
            _cell(found, cell, f"{path}/{at}/{column}")


def _cell(found: Problems, value: Any, path: str) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "raw_text":
        found.string(value.get("text"), f"{path}/text", 10_000)
    elif kind == "raw_number":
        if not _number(value.get("value")):
            found.add(f"{path}/value", "must be a number")
        found.string(value.get("text"), f"{path}/text", 10_000, required=False)
    elif kind == "rich_text":
        rich_text(found, value, path)
    else:
        found.add(f"{path}/type", f"unsupported cell: {kind}")


def task_card(found: Problems, value: Any, path: str) -> None:
    """One task of a plan, or a task on its own."""
    if not isinstance(value, dict):
        found.add(path, "must be an object")
        return
    found.known_keys(value, path, "type block_id task_id title details output sources status")
    found.string(value.get("task_id"), f"{path}/task_id", 255)
    found.string(value.get("title"), f"{path}/title", 256)
    if value.get("status") not in ("pending", "in_progress", "complete", "error"):
        found.add(f"{path}/status", "must be pending, in_progress, complete or error")
    for key in ("details", "output"):
        if value.get(key) is not None:
            rich_text(found, value[key], f"{path}/{key}")
    for at, source in enumerate(found.items(value.get("sources", []), f"{path}/sources", 0, 20)):
        if not isinstance(source, dict) or source.get("type") != "url" or not source.get("url"):
            found.add(f"{path}/sources/{at}", "must be a url source")


def plan(found: Problems, value: Json, path: str) -> None:
    """A titled list of tasks with unique task ids."""
    found.known_keys(value, path, "type block_id title tasks")
    found.string(value.get("title"), f"{path}/title", 256)
    seen: set[str] = set()
    for at, task in enumerate(found.items(value.get("tasks", []), f"{path}/tasks", 0, 50)):
        task_card(found, task, f"{path}/tasks/{at}")
        if isinstance(task, dict):
            found.unique(task.get("task_id"), f"{path}/tasks/{at}/task_id", seen)


def data_visualization(found: Problems, value: Json, path: str) -> None:
    """A chart; a message holds at most two."""
    found.known_keys(value, path, "type block_id title chart")
    found.charts += 1
    if found.charts > 2:
        found.add(path, "no more than 2 data_visualization blocks allowed in a message")
    found.string(value.get("title"), f"{path}/title", 50)
    chart = value.get("chart")
    if not isinstance(chart, dict):
        found.add(f"{path}/chart", "missing required field")
    elif chart.get("type") == "pie":
        found.known_keys(chart, f"{path}/chart", "type segments")
        _points(found, chart.get("segments"), f"{path}/chart/segments", 6)
    elif chart.get("type") in ("line", "bar", "area"):
        found.known_keys(chart, f"{path}/chart", "type series axis_config")
        _series(found, chart, f"{path}/chart")
    else:
        found.add(f"{path}/chart/type", "must be line, bar, area or pie")


def _series(found: Problems, chart: Json, path: str) -> None:
    axis = chart.get("axis_config")
    axis = axis if isinstance(axis, dict) else {}
    categories = found.items(axis.get("categories"), f"{path}/axis_config/categories", 1, 20)
    for key in ("x_label", "y_label"):
        found.string(axis.get(key), f"{path}/axis_config/{key}", 50, required=False)
    names: set[str] = set()
    for at, series in enumerate(found.items(chart.get("series"), f"{path}/series", 1, 6)):
        where = f"{path}/series/{at}"
        if not isinstance(series, dict):
            found.add(where, "must be an object")
            continue
        found.string(series.get("name"), f"{where}/name", _LABEL)
        found.unique(series.get("name"), f"{where}/name", names, _LABEL)
        labels = _points(found, series.get("data"), f"{where}/data", 20)
        if sorted(map(str, labels)) != sorted(map(str, categories)):
            found.add(f"{where}/data", "labels must match axis_config.categories")


def _points(found: Problems, value: Any, path: str, most: int) -> list[Any]:
    labels = []
    for at, point in enumerate(found.items(value, path, 1, most)):
        if not isinstance(point, dict):
            found.add(f"{path}/{at}", "must be an object")
            continue
        found.string(point.get("label"), f"{path}/{at}/label", _LABEL)
        labels.append(point.get("label"))
        if not _number(point.get("value")):
            found.add(f"{path}/{at}/value", "must be a finite number")
    return labels


def _number(value: Any) -> bool:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return usable and math.isfinite(value)
