import pytest
from dvc.exceptions import ReproductionError
from dvc.stage.exceptions import StageCmdFailedError

from analysis.pipeline.reproduce import _explain


def failed(cause: Exception) -> ReproductionError:
    error = ReproductionError("failed to reproduce 'scan'")
    error.__cause__ = cause
    return error


def test_stage_that_said_why_it_failed_is_not_explained_again():
    assert _explain(failed(StageCmdFailedError("python -m scan", 1))) == 1


@pytest.mark.parametrize("status", [-9, 137, 11])
def test_stage_that_was_killed_is_named_with_how_it_ended(status):
    words = _explain(failed(StageCmdFailedError("python -m scan", status)))
    assert words == f"failed to reproduce 'scan': failed to run: python -m scan, exited with {status}"


def test_what_dvc_could_not_do_is_passed_on():
    assert _explain(failed(OSError("disk full"))) == "failed to reproduce 'scan': disk full"
    assert _explain(ReproductionError("dvc.lock is broken")) == "dvc.lock is broken"
