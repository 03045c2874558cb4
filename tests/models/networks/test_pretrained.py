import socket
import time
from pathlib import Path

import pytest
import torch
from torchvision.models import resnet18, resnet34

from analysis.contract import InputError
from models.networks import pretrained
from models.networks.classifier import ImageClassifier
from models.networks.pretrained import InitialWeights, find_initial_weights, load_backbone

NO_FILE = Path("data/none")


def new_classifier(*, keep_resolution: bool = False) -> ImageClassifier:
    return ImageClassifier(
        architecture="resnet18",
        classes=["a", "b"],
        input_px=32,
        keep_resolution=keep_resolution,
        mean=[0.5] * 3,
        std=[0.2] * 3,
    )


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch's hub without any file; returns where it keeps them."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path / "hub" / "checkpoints"


def test_scratch_starts_from_nothing() -> None:
    assert find_initial_weights("scratch", NO_FILE, "resnet18") == InitialWeights("from scratch", None)


def test_state_of_a_file_becomes_the_backbone_but_not_the_head(tmp_path: Path) -> None:
    donor = resnet18(num_classes=7)
    torch.save(donor.state_dict(), tmp_path / "donor.pt")
    classifier = new_classifier()
    head = classifier.head.weight.clone()
    start = find_initial_weights("file", tmp_path / "donor.pt", "resnet18")
    load_backbone(classifier, start)
    assert "donor.pt" in start.description
    assert torch.equal(classifier.backbone.layer4[1].conv2.weight, donor.layer4[1].conv2.weight)
    assert torch.equal(classifier.backbone.conv1.weight, donor.conv1.weight)
    assert torch.equal(classifier.head.weight, head)


def test_stem_that_keeps_resolution_stays_its_own() -> None:
    donor, classifier = resnet18(), new_classifier(keep_resolution=True)
    stem = classifier.backbone.conv1.weight.clone()
    load_backbone(classifier, InitialWeights("", donor.state_dict()))
    assert torch.equal(classifier.backbone.conv1.weight, stem)
    assert torch.equal(classifier.backbone.layer1[0].conv1.weight, donor.layer1[0].conv1.weight)


@pytest.mark.parametrize(
    "state", [{}, {"a": torch.zeros(1)}, resnet34().state_dict()], ids=["nothing", "one tensor", "resnet34"]
)
def test_state_of_another_network_is_refused(state: dict) -> None:
    with pytest.raises(InputError, match="expected the state_dict of torchvision's resnet18"):
        load_backbone(new_classifier(), InitialWeights("from the weights in x.pt", state))


def test_imagenet_weights_in_the_cache_are_taken(no_cache: Path) -> None:
    no_cache.mkdir(parents=True)
    torch.save(resnet18().state_dict(), no_cache / "resnet18-f37072fd.pth")
    start = find_initial_weights("imagenet", NO_FILE, "resnet18")
    assert start.description == "from ImageNet weights"
    assert len(start.state) == len(resnet18().state_dict())


def test_silent_hub_is_given_up_in_time_and_said(no_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "HUB_TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes the connection and never answers
        address = f"http://127.0.0.1:{server.getsockname()[1]}/resnet18-f37072fd.pth"
        monkeypatch.setattr(
            "torchvision.models._api.load_state_dict_from_url",
            lambda url, **options: torch.hub.load_state_dict_from_url(address, **options),
        )
        started = time.monotonic()
        start = find_initial_weights("imagenet", NO_FILE, "resnet18")
    assert time.monotonic() - started < 10
    assert start == InitialWeights("from scratch (ImageNet weights could not be had)", None)
    assert socket.getdefaulttimeout() is None
