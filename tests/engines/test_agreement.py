"""Both engines run the same after a change: what depends on it, as far as it makes a difference."""

import pytest

pytestmark = pytest.mark.slow

MEASURES = ["measure@letters", "measure@vowels-only"]


def stages_that_run(engine, workspace):
    """As the stages themselves say; under Snakemake, `snakemake -n` must have announced each of them."""
    planned = workspace.plan() if engine == "snakemake" else None
    run = workspace.run(engine)
    assert run.code == 0, run.output
    assert planned is None or set(run.stages) <= set(planned), run.output
    return run.stages


def test_nothing_changed_runs_nothing(engine, workspace):
    assert stages_that_run(engine, workspace) == []


def test_changed_parameter_runs_the_stages_that_read_it_and_those_after(engine, workspace):
    workspace.replace("params.yaml", "at_least: 0", "at_least: 4")
    assert stages_that_run(engine, workspace) == [*MEASURES, "report"]


def test_changed_file_deep_in_the_dataset_runs_everything_after_it(engine, workspace):
    workspace.replace("texts/deep/b.txt", "three", "fourteen")
    assert stages_that_run(engine, workspace) == ["collect", *MEASURES, "report"]


def test_added_file_runs_everything_after_it(engine, workspace):
    (workspace.root / "texts" / "deep" / "été 文.txt").write_text("seventeen", encoding="utf-8")
    assert stages_that_run(engine, workspace) == ["collect", *MEASURES, "report"]


def test_changed_module_runs_its_stages_and_those_after(engine, workspace):
    workspace.replace("src/toy/explore/measure/stage.py", "long enough", "not too short")
    assert stages_that_run(engine, workspace) == [*MEASURES, "report"]


def test_comment_in_a_module_runs_its_stage_alone(engine, workspace):
    workspace.replace("src/toy/obtain/collect/stage.py", "import pandas", "# a remark\nimport pandas")
    assert stages_that_run(engine, workspace) == ["collect"]


def test_new_module_in_a_folder_of_code_runs_its_stage(engine, workspace):
    (workspace.root / "src" / "toy" / "report" / "layout.py").write_text("", encoding="utf-8")
    assert stages_that_run(engine, workspace) == ["report"]


def test_output_changed_by_hand_is_restored(engine, workspace):
    table = workspace.root / "analysis_outputs" / "measure_letters" / "lengths.csv"
    content = table.read_bytes()
    table.write_text("0", encoding="utf-8")
    assert workspace.run(engine).code == 0
    assert table.read_bytes() == content


def test_touched_files_run_nothing(engine, workspace):
    for file in workspace.root.rglob("*"):
        if file.suffix in {".py", ".txt", ".parquet", ".csv"}:
            file.touch()
    assert stages_that_run(engine, workspace) == []
