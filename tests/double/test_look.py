"""Texts as HTML: Slack's formats are drawn, everything else is inert."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.local.slackdouble.look.markdown import markdown
from bot.local.slackdouble.look.mrkdwn import mrkdwn, plain
from bot.local.slackdouble.look.pictograms import pictograms
from bot.local.slackdouble.page import typed
from bot.local.slackdouble.seed import fresh

WORKSPACE = fresh(0.0)
DRAWN = [
    ("*bold* _it_ ~no~ `x*y*`", "<b>bold</b> <i>it</i> <s>no</s> <code>x*y*</code>"),
    ("&lt;b&gt; &amp;amp;", "&lt;b&gt; &amp;amp;"),
    ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
    (
        "<@U0ONCALL1> <#C0ALERTS>",
        (
            '<span class="mention">@oncall-1</span> '
            '<a class="mention" href="?channel=C0ALERTS" data-channel-link="C0ALERTS">#alerts</a>'
        ),
    ),
    (
        "<!subteam^S0ONCALL> <!here>",
        '<span class="mention">@oncall</span> <span class="mention">@here</span>',
    ),
    ("<javascript:alert(1)|x>", "&lt;javascript:alert(1)|x&gt;"),
    ("~90 s at 14:04:31, 2*3*4", "~90 s at 14:04:31, 2*3*4"),
    ("&gt; quoted\nnot", "<blockquote>quoted</blockquote>not"),
    ("snake_case_name and *a*", "snake_case_name and <b>a</b>"),
    (":fire: :nope:", "🔥 :nope:"),
]


@pytest.mark.parametrize(("text", "html"), DRAWN, ids=range(len(DRAWN)))
def test_mrkdwn(text: str, html: str) -> None:
    assert str(mrkdwn(WORKSPACE, text)) == html


def test_links_dates_and_fences() -> None:
    link = str(mrkdwn(WORKSPACE, "<https://example.com/?a=1&amp;b=2|see &lt;it&gt;>"))
    assert 'href="https://example.com/?a=1&amp;b=2"' in link
    assert ">see &lt;it&gt;</a>" in link
    date = str(mrkdwn(WORKSPACE, "<!date^1763733720^{date_num} {time_secs}|then>"))
    assert ">2025-11-21 14:02:00</time>" in date
    assert str(mrkdwn(WORKSPACE, "<!date^x^{time}|then>")) == "then"
    assert str(mrkdwn(WORKSPACE, "```a *b*\n<c>```")) == "<pre>a *b*\nc</pre>"


def test_markdown_is_inert() -> None:
    html = str(
        markdown("# A <b>\n[x](javascript:alert(1)) ![i](https://example.com/i.png)\n<img src=x onerror=1>")
    )
    assert "<h2>A &lt;b&gt;</h2>" in html
    assert "<img" not in html
    assert 'href="javascript' not in html


@given(st.text(alphabet=st.sampled_from("<>&\"'*_~`|!@#^:\n[]()-/aU0 x\ue000\ue0011"), max_size=60))
def test_no_text_breaks_out(text: str) -> None:
    allowed = (
        "<b>",
        "<i>",
        "<s>",
        "<br>",
        "<code>",
        "<pre>",
        "<blockquote>",
        "<span class=",
        "<a href=",
        "<time ",
        "</",
    )
    more = (
        "<p>",
        "<h2>",
        "<h3>",
        "<h4>",
        "<hr>",
        "<ul>",
        "<ol>",
        "<li class=",
        "<div class=",
        "<table>",
        "<thead>",
        "<tbody>",
        "<tr>",
        "<th>",
        "<td>",
    )
    for html in (str(mrkdwn(WORKSPACE, text)), str(markdown(text)), str(plain(text))):
        rest = html
        while "<" in rest:
            rest = rest[rest.index("<") :]
            assert rest.startswith(allowed + more), html
            rest = rest[1:]


def test_emoji_are_drawn_in_texts_only() -> None:
    html = pictograms('<b title="🔴">🔴 x</b><option>🔴</option><p>🎈</p>')
    assert html.count("emoji.svg#1f534") == 1
    assert '<b title="🔴">' in html
    assert "<option>🔴</option>" in html
    assert "🎈" in html


def test_what_a_person_types() -> None:
    assert (
        typed(WORKSPACE, "@oncall-1 <b> & #alerts @nobody")
        == "<@U0ONCALL1> &lt;b&gt; &amp; <#C0ALERTS|alerts> @nobody"
    )
    assert typed(WORKSPACE, "page @oncall, now a@oncall") == "page <!subteam^S0ONCALL|@oncall>, now a@oncall"
