"""What stages hand over: parts joined, and kinds of findings that cannot be mixed up."""

import pandas as pd
import pytest

from analysis.contract import Artifacts, FindingKind, findings_of

KIND = FindingKind(name="torn", title="Torn", severity="high", why="", action="")


def test_parts_are_joined_in_their_order():
    first = Artifacts(
        summary="first", metrics={"a": 1}, tables={"t": pd.DataFrame()}, notes=["one"], findings=None
    )
    second = Artifacts(
        summary="second", metrics={"b": 2}, notes=["two"], findings=findings_of(KIND, item_id=[4])
    )
    third = Artifacts(findings=findings_of(KIND, item_id=[2]), failure="the gate is shut")
    joined = Artifacts.joined([first, second, third])
    assert joined.summary == "first"
    assert joined.metrics == {"a": 1, "b": 2}
    assert list(joined.tables) == ["t"]
    assert list(joined.notes) == ["one", "two"]
    assert joined.findings["item_id"].tolist() == [4, 2]
    assert joined.failure == "the gate is shut"
    assert Artifacts.joined([first]).findings is None


def test_a_kind_is_named_word_by_word():
    words = ["torn", "Torn", "high", "", ""]
    with pytest.raises(TypeError):
        FindingKind(*words)
