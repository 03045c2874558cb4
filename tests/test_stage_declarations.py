"""dvc.yaml tells the truth: a stage declares all of our modules that its result depends on."""

import ast
from pathlib import Path

import pytest

from analysis.pipeline import Stage, load_stages

REPOSITORY = Path(__file__).parents[1]
# What every stage stands on. A change there is a change of the house, not of one stage's result.
HOUSE = {"analysis.stage", "analysis.runner", "analysis.outputs", "analysis.parameters", "analysis.pipeline"}
STAGES = load_stages(REPOSITORY)


def module_file(name: str) -> Path | None:
    file = Path("src", *name.split(".")).with_suffix(".py")
    return file if (REPOSITORY / file).is_file() else None


def imported_modules(file: Path) -> set[str]:
    """Names of our modules that a file imports anywhere, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if module_file(name)}


def modules_behind(stage: Stage) -> set[Path]:
    seen: set[str] = set()
    waiting = {stage.module_name}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting |= imported_modules(module_file(name)) - seen - HOUSE
    return {module_file(name) for name in seen}


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_stage_declares_each_module_it_imports(stage: Stage) -> None:
    declared = {dep for dep in stage.deps if stage.is_code(dep)}
    missing = {
        file for file in modules_behind(stage) if not any(d == file or d in file.parents for d in declared)
    }
    assert missing == set()


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_stage_declares_no_module_it_does_not_import(stage: Stage) -> None:
    files = {dep for dep in stage.deps if dep.suffix == ".py"}
    assert files - modules_behind(stage) == set()


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_every_output_persists_so_that_a_failed_run_loses_nothing(stage: Stage) -> None:
    from dvc.repo import Repo

    (resolved,) = [s for s in Repo(str(REPOSITORY)).index.stages if s.addressing == stage.name]
    assert [out.def_path for out in resolved.outs if not out.persist] == []


def test_report_shows_every_stage_that_has_a_section() -> None:
    sections = {out.parent for stage in STAGES.values() for out in stage.outs if out.name == "section.json"}
    assert sections <= set(STAGES["report"].deps)
