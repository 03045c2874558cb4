import importlib.machinery
import sys
import types
from typing import Literal

import pytest
from pydantic import Field

from analysis.contract import InputError, StageParameters, nearest
from analysis.pipeline.dag import Stage
from analysis.pipeline.parameters import models_of, read_parameters, validate


class ChecksParameters(StageParameters):
    too_dark_below: float = Field(ge=0, le=1)
    colour: Literal["red", "blue"]


class DatasetParameters(StageParameters):
    path: str


@pytest.fixture
def stage(monkeypatch):
    for name in ("made", "made.scrub", "made.scrub.checks", "made.scrub.checks.parameters"):
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__path__ = []
        monkeypatch.setitem(sys.modules, name, module)
    module.ChecksParameters, module.DatasetParameters = ChecksParameters, DatasetParameters
    module.TrainerParameters = DatasetParameters  # a part of another: no section of this stage's
    values = {"checks": {}, "dataset": {}, "seed": 0}
    return Stage("checks@all", "python -m made.scrub.checks", "", (), (), (), values)


VALID = {"seed": 0, "dataset": {"path": "x"}, "checks": {"too_dark_below": 0.3, "colour": "red"}}


def test_models_are_found_by_the_names_of_the_sections(stage):
    assert models_of(stage) == {"dataset": DatasetParameters, "checks": ChecksParameters}


def test_valid_sections_become_frozen_models(stage):
    sections = validate(VALID, [stage])
    assert sections["checks"] == ChecksParameters(too_dark_below=0.3, colour="red")
    with pytest.raises(ValueError, match="frozen"):
        sections["checks"].colour = "blue"


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            {"too_dark_bellow": 0.3, "colour": "red"},
            "unknown key 'checks.too_dark_bellow', did you mean 'too_dark_below'",
        ),
        ({"colour": "red"}, "key 'checks.too_dark_below' is missing"),
        (
            {"too_dark_below": 1.5, "colour": "red"},
            "'checks.too_dark_below' is 1.5: input should be less than",
        ),
        (
            {"too_dark_below": 0.3, "colour": "green"},
            "'checks.colour' is 'green': input should be 'red' or 'blue'",
        ),
        (None, "checks"),
    ],
)
def test_bad_section_is_named_with_what_is_wrong(stage, section, expected):
    with pytest.raises(InputError, match=expected):
        validate(VALID | {"checks": section}, [stage])


def test_every_problem_is_named_at_once(stage):
    with pytest.raises(InputError) as caught:
        validate({"seed": 0, "dataset": {}, "chekcs": {}}, [stage])
    problems = ["unknown section 'chekcs'", "section 'checks' is missing", "key 'dataset.path' is missing"]
    assert all(problem in str(caught.value) for problem in problems)


def test_unknown_section_names_the_nearest(stage):
    with pytest.raises(InputError, match="unknown section 'datasets', did you mean 'dataset'"):
        validate(VALID | {"datasets": {}}, [stage])


def test_nearest_lists_all_where_none_is_like_it():
    assert nearest("xyz", ["scan", "prepare"]) == " (there are: prepare, scan)"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: [", "not valid YAML"),
        ("- a", "one section a stage, but holds list"),
        (None, "run this in a workspace"),
    ],
)
def test_unreadable_parameters_are_one_sentence(tmp_path, content, expected):
    if content is not None:
        (tmp_path / "params.yaml").write_text(content)
    with pytest.raises(InputError, match=expected):
        read_parameters(tmp_path)
