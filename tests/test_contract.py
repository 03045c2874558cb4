"""What stages hand over: parts joined, and kinds of findings that cannot be mixed up."""

import pandas as pd
import pytest

from analysis.contract import Artifacts, FindingKind, findings_of, option_for, to_set

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


def test_advice_names_the_key_and_the_option_that_sets_it():
    assert to_set("dataset.path_column") == (
        "set dataset.path_column (deepsight audit … --set dataset.path_column=NAME)"
    )


def test_options_are_quoted_for_a_shell_and_written_as_yaml():
    assert option_for("a.b", ["it's"]) == """--set 'a.b=["it'"'"'s"]'"""
    assert option_for("a.b", {"\x1b": "\u202eé"}) == """--set 'a.b={"\\u001b": "\\U0000202eé"}'"""
    assert option_for("a.b", '""') == """--set 'a.b=""'"""
