import pytest
import torch

from analysis.contract import InputError
from models.training.devices import prepare_device


def test_auto_takes_an_accelerator_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert prepare_device("auto").type == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert prepare_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert prepare_device("auto").type == "cuda"
    assert prepare_device("cpu").type == "cpu"


def test_absent_device_is_refused_with_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match="'cuda', but torch sees only cpu here"):
        prepare_device("cuda")


def test_torch_keeps_to_the_cores_that_were_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    prepare_device("cpu")
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)
