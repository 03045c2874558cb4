"""`deepsight verify` where an engine has run, and when the code has begun to say something else."""

VERIFY = "analysis.comparison.verification"


def test_stages_that_make_the_same_are_equal_and_leave_the_workspace_alone(fresh) -> None:
    assert fresh.run("dvc").code == 0
    before = fresh.outputs()
    run = fresh.call(VERIFY)
    assert run.code == 0, run.output
    assert sorted(line.split() for line in run.output.splitlines()) == [
        ["collect", "equal"],
        ["measure@letters", "equal"],
        ["measure@vowels-only", "equal"],
    ]
    assert fresh.outputs() == before


def test_what_differs_is_named_with_its_first_key(fresh) -> None:
    assert fresh.run("dvc").code == 0
    stage = "src/toy/explore/measure/stage.py"
    fresh.replace(stage, '"n_long_enough": len(lengths)', '"n_long_enough": len(lengths) + 1')
    run = fresh.call(VERIFY, "measure@letters")
    assert run.code == 1
    assert "measure@letters  different: n_long_enough: " in run.output
    fresh.replace(stage, "(lengths) + 1", "(lengths)")
    fresh.replace(stage, '"L", (8, 8)', '"L", (9, 9)')
    run = fresh.call(VERIFY, "measure@letters")
    assert run.code == 0
    assert "equal in its figures: analysis_outputs/measure_letters/figures/square.png" in run.output
    assert fresh.call(VERIFY, "measures").code == 2
