from __future__ import annotations

from analysis.report.report.prose import breakable, inline, prose


def test_inline_escapes_everything_and_sets_code() -> None:
    assert inline("a <b> & `x < 1`\n  and ``y``") == (
        "a &lt;b&gt; &amp; <code>x &lt; 1</code> and <code>y</code>"
    )


def test_inline_leaves_a_lone_backtick() -> None:
    assert inline("it`s") == "it`s"


def test_prose_makes_paragraphs_and_lists() -> None:
    text = "First line\nof a paragraph.\n\nA list:\n\n- one\n  goes on\n- `two`\n\n\nEnd."
    assert prose(text).split("\n") == [
        "<p>First line of a paragraph.</p>",
        "<p>A list:</p>",
        "<ul><li>one goes on</li><li><code>two</code></li></ul>",
        "<p>End.</p>",
    ]


def test_prose_takes_a_list_that_follows_its_lead_at_once() -> None:
    assert prose("Lead:\n- one\n- two") == "<p>Lead:</p><ul><li>one</li><li>two</li></ul>"


def test_prose_takes_a_dash_within_a_line_for_a_dash() -> None:
    assert prose("one - two") == "<p>one - two</p>"


def test_prose_of_nothing_is_nothing() -> None:
    assert prose("") == ""


def test_breakable_escapes_and_breaks_after_slashes() -> None:
    assert breakable("a/<b>.png") == "a/<wbr>&lt;b&gt;.png"
