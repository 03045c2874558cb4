"""A run that fails or is killed leaves earlier outputs whole, and the next run, on either engine, goes on."""

import pytest

pytestmark = pytest.mark.slow

ENGINES = ["dvc", "snakemake"]


@pytest.mark.parametrize("killed", ENGINES)
@pytest.mark.parametrize("next_engine", ENGINES)
def test_killed_run_goes_on_where_it_stopped(fresh, killed, next_engine):
    fresh.run_and_kill(killed)
    run = fresh.run(next_engine)
    assert run.code == 0, run.output
    assert run.stages == ["measure@letters", "measure@vowels-only", "report"]  # collect had been done
    assert fresh.plan() == []


@pytest.mark.parametrize("engine", ENGINES)
def test_failed_stage_leaves_earlier_outputs_as_they_were(fresh, engine):
    fresh.run(engine)
    before = fresh.outputs()
    fresh.replace("params.yaml", "at_least: 0", "at_leest: 4")
    run = fresh.run(engine)
    assert run.code != 0
    assert "unknown key 'measure.at_leest', did you mean 'at_least'?" in run.output
    assert "Traceback" not in run.output
    assert fresh.outputs() == before
    fresh.replace("params.yaml", "at_leest: 4", "at_least: 0")
    assert fresh.run(engine).stages == []


@pytest.mark.parametrize("engine", ENGINES)
def test_killed_rerun_leaves_earlier_outputs_as_they_were(fresh, engine):
    fresh.run(engine)
    before = fresh.outputs()
    fresh.replace("params.yaml", "at_least: 0", "at_least: 4")
    fresh.run_and_kill(engine)
    assert fresh.outputs() == before


@pytest.mark.parametrize("engine", ENGINES)
def test_absent_dataset_is_one_sentence(fresh, engine):
    fresh.replace("params.yaml", "path: texts", "path: nowhere")
    run = fresh.run(engine)
    assert run.code != 0
    assert "nowhere" in run.output
    assert "Traceback" not in run.output


@pytest.mark.parametrize("engine", ENGINES)
def test_broken_parameters_are_one_sentence(fresh, engine):
    fresh.replace("params.yaml", "dataset:", "dataset: [")
    run = fresh.run(engine)
    assert run.code != 0
    assert "params.yaml" in run.output
    assert "Traceback" not in run.output
