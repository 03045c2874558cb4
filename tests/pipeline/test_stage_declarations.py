"""dvc.yaml tells the truth: a stage declares all of our code that its result depends on."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from analysis.pipeline.code_inputs import code_inputs, with_code_inputs
from analysis.pipeline.dag import Stage, load_stages

REPOSITORY = Path(__file__).parents[2]
STAGES = load_stages(REPOSITORY)


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_stage_declares_the_code_that_it_imports_and_no_other(stage: Stage) -> None:
    declared = [dep.as_posix() for dep in stage.deps if stage.is_code(dep)]
    assert declared == code_inputs(stage.module_name, REPOSITORY), "run `make deps`"


def test_writing_the_code_inputs_changes_nothing_else() -> None:
    text = (REPOSITORY / "dvc.yaml").read_text(encoding="utf-8")
    assert with_code_inputs(text, REPOSITORY) == text
    without = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("    - src/"))
    assert with_code_inputs(without, REPOSITORY) == text


def test_code_inputs_are_found_through_others_and_inside_functions(tmp_path: Path) -> None:
    files = {
        "analysis/scrub/check/stage.py": "from analysis.dataset.rows import rows",
        "analysis/scrub/check/steps.py": "def f():\n    from models.nets import big",
        "analysis/dataset/rows.py": "import models.data.store",
        "analysis/dataset/other.py": "",
        "analysis/pipeline/runner.py": "",
        "analysis/contract.py": "import analysis.dataset.other",
        "models/nets/__init__.py": "",
        "models/nets/big.py": "from analysis.contract import x",
        "models/nets/small.py": "",
        "models/data/store.py": "from models.data.batches import y",
        "models/data/batches.py": "",
    }
    for name, text in files.items():
        file = tmp_path / "src" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    expected = [
        "src/analysis/scrub/check",
        "src/analysis/dataset/rows.py",
        "src/models/data",  # all of it is used
        "src/models/nets/big.py",
    ]
    assert code_inputs("analysis.scrub.check", tmp_path) == expected


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_every_output_persists_so_that_a_failed_run_loses_nothing(stage: Stage) -> None:
    (resolved,) = [s for s in Repo(str(REPOSITORY)).index.stages if s.addressing == stage.name]
    assert [out.def_path for out in resolved.outs if not out.persist] == []


def test_report_shows_every_stage_that_has_a_section() -> None:
    sections = {out.parent for stage in STAGES.values() for out in stage.outs if out.name == "section.json"}
    assert sections <= set(STAGES["report"].deps)
