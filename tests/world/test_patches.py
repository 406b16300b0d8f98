"""The three patch formats on small objects, as the real API server applies them."""

from typing import Any

import pytest

from bot.local.cluster.patches import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, apply_patch
from bot.local.cluster.status import ApiError

POD: dict[str, Any] = {
    "containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}],
    "labels": {"x": "1", "y/z": "2"},
    "items": [1, 2, 3],
}


@pytest.mark.parametrize(
    ("kind", "patch", "path", "wanted"),
    [
        (
            JSON_PATCH,
            [{"op": "replace", "path": "/labels/y~1z", "value": "3"}],
            "labels",
            {"x": "1", "y/z": "3"},
        ),
        (JSON_PATCH, [{"op": "add", "path": "/items/-", "value": 4}], "items", [1, 2, 3, 4]),
        (JSON_PATCH, [{"op": "add", "path": "/items/0", "value": 0}], "items", [0, 1, 2, 3]),
        (JSON_PATCH, [{"op": "remove", "path": "/items/1"}], "items", [1, 3]),
        (
            JSON_PATCH,
            [{"op": "move", "from": "/labels/x", "path": "/labels/w"}],
            "labels",
            {"y/z": "2", "w": "1"},
        ),
        (JSON_PATCH, [{"op": "copy", "from": "/items/0", "path": "/items/2"}], "items", [1, 2, 1, 3]),
        (JSON_PATCH, [{"op": "test", "path": "/items/0", "value": 1}], "items", [1, 2, 3]),
        (MERGE_PATCH, {"labels": {"x": None, "q": "5"}}, "labels", {"y/z": "2", "q": "5"}),
        (MERGE_PATCH, {"items": [9]}, "items", [9]),
        (
            STRATEGIC_PATCH,
            {"containers": [{"name": "b", "image": "b:2"}]},
            "containers",
            [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:2"}],
        ),
        (
            STRATEGIC_PATCH,
            {"containers": [{"name": "a", "$patch": "delete"}]},
            "containers",
            [{"name": "b", "image": "b:1"}],
        ),
        (STRATEGIC_PATCH, {"items": [7], "$setElementOrder/containers": []}, "items", [7]),
        (STRATEGIC_PATCH, {"labels": {"$patch": "replace", "n": "1"}}, "labels", {"n": "1"}),
    ],
)
def test_patch(kind: str, patch: Any, path: str, wanted: object) -> None:
    before = repr(POD)
    assert apply_patch(kind, POD, patch)[path] == wanted
    assert repr(POD) == before


@pytest.mark.parametrize(
    ("kind", "patch", "code"),
    [
        (JSON_PATCH, [{"op": "test", "path": "/items/0", "value": 9}], 422),
        (JSON_PATCH, [{"op": "remove", "path": "/none"}], 422),
        (JSON_PATCH, [{"op": "replace", "path": "/items/9", "value": 1}], 422),
        (JSON_PATCH, {"op": "add"}, 400),
        (STRATEGIC_PATCH, {"containers": [{"image": "x"}]}, 400),
        ("application/yaml", {}, 415),
    ],
)
def test_patch_that_does_not_fit(kind: str, patch: Any, code: int) -> None:
    with pytest.raises(ApiError) as refused:
        apply_patch(kind, POD, patch)
    assert refused.value.code == code
