"""One card with every block type that the page draws, all of it legal."""

from typing import Any

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": True}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def button(action_id: str, label: str, **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": plain(label), "value": f"v-{action_id}", **more}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


def words(text: str, **style: bool) -> Json:
    return {"type": "text", "text": text, **({"style": style} if style else {})}


CONFIRM = {
    "title": plain("Roll back orders-api?"),
    "text": mrkdwn("This runs `kubectl rollout undo` on *4 pods*."),
    "confirm": plain("Roll back"),
    "deny": plain("Not yet"),
    "style": "danger",
}

CARD: list[Json] = [
    {
        "type": "header",
        "text": plain(":red_circle: SEV1 · INC-142 · checkout errors after orders-db saturation"),
    },
    {
        "type": "section",
        "expand": True,
        "text": mrkdwn(
            "*What's going on?*\ncheckout-api fails *38 %* of requests since <!date^1763733720^{time}|14:02>. "
            "1 312 alerts from 9 services folded in, ~90 s apart at 14:04:31."
        ),
    },
    {
        "type": "section",
        "text": mrkdwn(
            "*What caused it?*   high confidence (0.91)\nRelease `orders-api@4f2c91a` added an un-indexed query "
            "<https://example.com/e1|E1> _see_ ~old~ &lt;b&gt;not bold&lt;/b&gt; &amp; <script>alert(1)</script>\n"
            "> quoted line\n```select * from orders\nwhere note like '%x%'```"
        ),
    },
    {
        "type": "section",
        "fields": [
            mrkdwn("*Service*\norders-api"),
            mrkdwn("*Owner*\n<!subteam^S0ONCALL>"),
            mrkdwn("*Lead*\n<@U0ONCALL1>"),
            mrkdwn("*Channel*\n<#C0GENERAL>"),
        ],
        "accessory": {
            "type": "overflow",
            "action_id": "more",
            "options": [
                {"text": plain("Open dashboard"), "value": "dash"},
                {"text": plain("Freeze"), "value": "frz"},
            ],
        },
    },
    {
        "type": "actions",
        "block_id": "INC-142:act:7",
        "elements": [
            button("review_a", "Review A", style="primary"),
            button("review_b", "Review B"),
            button("reject", "Reject both", style="danger", confirm=CONFIRM),
        ],
    },
    {"type": "divider"},
    {
        "type": "container",
        "title": plain("Option A · Roll back orders-api to revision 41"),
        "subtitle": mrkdwn("reversible · 4 pods · about 90 s"),
        "is_collapsible": True,
        "child_blocks": [
            {
                "type": "rich_text",
                "elements": [
                    {
                        "type": "rich_text_preformatted",
                        "elements": [
                            words("kubectl rollout undo deployment/orders-api --to-revision=41 -n shop")
                        ],
                    }
                ],
            },
            {
                "type": "section",
                "fields": [mrkdwn("*Blast radius*\n4 pods"), mrkdwn("*Undo*\nroll forward to 42")],
            },
            {
                "type": "actions",
                "elements": [button("approve", "Approve & run", style="primary"), button("dry", "Dry run")],
            },
        ],
    },
    {
        "type": "plan",
        "title": "Running: roll back orders-api",
        "tasks": [
            {
                "type": "task_card",
                "task_id": "t1",
                "title": "Image pullable, 4 of 4 pods ready",
                "status": "complete",
            },
            {
                "type": "task_card",
                "task_id": "t2",
                "title": "kubectl rollout undo",
                "status": "in_progress",
                "details": rich({"type": "rich_text_section", "elements": [words("2 of 4 pods replaced")]}),
            },
            {
                "type": "task_card",
                "task_id": "t3",
                "title": "Error ratio below 1 % for 10 s",
                "status": "pending",
            },
            {"type": "task_card", "task_id": "t4", "title": "Old replica set drained", "status": "error"},
        ],
    },
    {
        "type": "data_visualization",
        "title": "Error ratio and latency, last hour",
        "chart": {
            "type": "line",
            "series": [
                {
                    "name": "error ratio",
                    "data": [
                        {"label": f"14:{m:02}", "value": v}
                        for m, v in zip(range(0, 30, 3), (1, 1, 2, 14, 30, 38, 39, 37, 36, 12), strict=True)
                    ],
                },
                {
                    "name": "p99 (100 ms)",
                    "data": [
                        {"label": f"14:{m:02}", "value": v}
                        for m, v in zip(range(0, 30, 3), (2, 2, 2, 6, 14, 20, 22, 21, 20, 9), strict=True)
                    ],
                },
            ],
            "axis_config": {
                "categories": [f"14:{m:02}" for m in range(0, 30, 3)],
                "x_label": "UTC",
                "y_label": "%",
            },
        },
    },
    {
        "type": "data_visualization",
        "title": "Alerts by service",
        "chart": {
            "type": "bar",
            "series": [
                {
                    "name": "alerts",
                    "data": [
                        {"label": n, "value": v}
                        for n, v in (("checkout", 610), ("orders", 402), ("cart", 300))
                    ],
                }
            ],
            "axis_config": {"categories": ["checkout", "orders", "cart"]},
        },
    },
    {
        "type": "table",
        "column_settings": [{"align": "left"}, {"is_wrapped": True}, {"align": "right"}],
        "rows": [
            [{"type": "raw_text", "text": t} for t in ("Evidence", "What", "Time")],
            [
                {"type": "raw_text", "text": t}
                for t in ("E1 cause", "deploy of orders-api <img src=x onerror=alert(1)>", "13:57")
            ],
            [{"type": "raw_text", "text": t} for t in ("E3 mechanism", "connections 500 of 500", "14:01")],
        ],
    },
    {
        "type": "markdown",
        "text": "## Post-mortem draft\n**Impact:** 38 % of checkouts failed for *11 minutes* [E1].\n\n- first\n- second `code`\n  - nested\n\n| t | what |\n|---|---|\n| 14:02 | first alert |\n\n> quote\n\n```\nraw <b>\n```\n[bad](javascript:alert(1)) [good](https://example.com)",
    },
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    words("bold ", bold=True),
                    {"type": "user", "user_id": "U0ONCALL2"},
                    words(" and "),
                    words("code", code=True),
                ],
            },
            {
                "type": "rich_text_list",
                "style": "bullet",
                "elements": [
                    {"type": "rich_text_section", "elements": [words("one")]},
                    {"type": "rich_text_section", "elements": [words("two")]},
                ],
            },
            {"type": "rich_text_quote", "elements": [words("quoted")]},
        ],
    },
    {"type": "image", "image_url": "https://example.com/graph.png", "alt_text": "error ratio graph"},
    {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": "right",
                "positive_button": {"text": plain("Right"), "value": "yes"},
                "negative_button": {"text": plain("Wrong"), "value": "no"},
            }
        ],
    },
    {
        "type": "context",
        "elements": [
            mrkdwn("IC <@U0ONCALL1> · Investigating · tier supervised · rev 7"),
            mrkdwn(":lock: observe-only"),
        ],
    },
]

MODAL: Json = {
    "type": "modal",
    "callback_id": "approve",
    "title": plain("Approve option A"),
    "submit": plain("Approve & run"),
    "close": plain("Cancel"),
    "blocks": [
        {"type": "alert", "level": "error", "text": mrkdwn("*Destructive.* This cannot be undone.")},
        {"type": "section", "text": mrkdwn("Type the target's name to go on: `orders-api`")},
        {
            "type": "input",
            "block_id": "target",
            "label": plain("Target"),
            "hint": plain("Exactly as shown above"),
            "element": {"type": "plain_text_input", "action_id": "name", "placeholder": plain("orders-api")},
        },
        {
            "type": "input",
            "block_id": "why",
            "optional": True,
            "label": plain("Reason"),
            "element": {"type": "plain_text_input", "action_id": "text", "multiline": True},
        },
        {
            "type": "input",
            "block_id": "sev",
            "label": plain("Severity"),
            "element": {
                "type": "static_select",
                "action_id": "pick",
                "initial_option": {"text": plain("SEV2"), "value": "2"},
                "options": [{"text": plain(f"SEV{n}"), "value": str(n)} for n in (1, 2, 3, 4)],
            },
        },
    ],
}
