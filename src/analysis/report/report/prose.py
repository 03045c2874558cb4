"""Turns the plain text of docstrings and captions into HTML, everything in it escaped."""

from __future__ import annotations

import re

from markupsafe import Markup, escape


def inline(text: str) -> Markup:
    """One run of text; what stands between backticks is set as code."""
    flowing = str(escape(" ".join(text.split())))
    return Markup(re.sub(r"(`+)(.+?)\1", r"<code>\2</code>", flowing))


def breakable(path: str) -> Markup:
    """A path that may be broken into lines after each slash."""
    return escape(path).replace("/", Markup("/<wbr>"))


def prose(text: str) -> Markup:
    """Paragraphs and `- ` lists, parted by blank lines as in a docstring."""
    blocks = [block for block in re.split(r"\n\s*\n", text.strip()) if block.strip()]
    return Markup("\n").join(_block(block) for block in blocks)


def _block(block: str) -> Markup:
    first, *items = re.split(r"^\s*- ", block, flags=re.MULTILINE)
    lead = Markup("<p>{}</p>").format(inline(first)) if first.strip() else Markup("")
    if not items:
        return lead
    listed = Markup("").join(Markup("<li>{}</li>").format(inline(item)) for item in items)
    return lead + Markup("<ul>{}</ul>").format(listed)
