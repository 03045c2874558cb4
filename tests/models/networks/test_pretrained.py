import socket
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
from torchvision.models import resnet18, resnet34

from analysis.contract import InputError
from models.networks import packaged_weights, pretrained
from models.networks.checkpoint import load_plain
from models.networks.classifier import ImageClassifier
from models.networks.pretrained import (
    InitialWeights,
    Normalisation,
    WeightsFile,
    find_initial_weights,
    load_backbone,
)

NO_FILE = Path("data/none")


def new_classifier(architecture: str = "resnet18", *, keep_resolution: bool = False) -> ImageClassifier:
    return ImageClassifier(
        architecture=architecture,
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


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a network was asked for")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


@pytest.mark.usefixtures("no_network")
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


def test_imagenet_weights_in_the_cache_are_taken(no_cache: Path, no_network: None) -> None:
    no_cache.mkdir(parents=True)
    torch.save(resnet18().state_dict(), no_cache / "resnet18-f37072fd.pth")
    start = find_initial_weights("imagenet", NO_FILE, "resnet18")
    assert start.description == "from torchvision's ImageNet weights"
    assert len(start.state) == len(resnet18().state_dict())
    assert start.file.name == "resnet18-f37072fd.pth"


def test_silent_hub_is_an_error_in_time_that_says_where_the_file_belongs(
    no_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes the connection and never answers
        address = f"http://127.0.0.1:{server.getsockname()[1]}/resnet18-f37072fd.pth"
        hub = SimpleNamespace(IMAGENET1K_V1=SimpleNamespace(url=address))
        monkeypatch.setattr(pretrained, "get_model_weights", lambda _: hub)
        started = time.monotonic()
        with pytest.raises(
            InputError, match=r"not at .*checkpoints/resnet18-f37072fd\.pth.*no answer within"
        ):
            find_initial_weights("imagenet", NO_FILE, "resnet18")
    assert time.monotonic() - started < 3
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize("late", [TimeoutError("timed out"), URLError(TimeoutError("timed out"))])
@pytest.mark.usefixtures("no_cache")
def test_late_answer_reads_the_same_whichever_clock_runs_out(
    monkeypatch: pytest.MonkeyPatch, late: OSError
) -> None:
    def ask(*_: object, **__: object) -> None:
        raise late

    monkeypatch.setattr(pretrained, "urlopen", ask)
    with pytest.raises(InputError, match="no answer within 2 s"):
        find_initial_weights("imagenet", NO_FILE, "resnet18")


@pytest.mark.usefixtures("no_cache", "no_network")
def test_packaged_weights_need_no_network_and_are_told_by_name_hash_and_size() -> None:
    start = find_initial_weights("imagenet", NO_FILE, "efficientnet_lite0")
    assert start.file == WeightsFile(packaged_weights.FILE, packaged_weights.SHA256, packaged_weights.N_BYTES)
    assert start.normalisation == Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    classifier = new_classifier("efficientnet_lite0")
    assert load_backbone(classifier, start) == {"stem", "layer1", "layer2", "layer3", "layer4"}
    ours, packaged = classifier.backbone.state_dict(), packaged_weights.packaged_state()
    assert all(torch.equal(ours[name], packaged[name]) for name in packaged)


def test_published_file_of_efficientnet_is_taken_and_another_networks_refused(tmp_path: Path) -> None:
    published = packaged_weights.packaged_file()
    start = find_initial_weights("file", published, "efficientnet_lite0")
    assert torch.equal(start.state["stem.0.weight"], next(iter(load_plain(published).values())))
    torch.save(resnet18().state_dict(), tmp_path / "theirs.pt")
    with pytest.raises(InputError, match=r"theirs\.pt: the tensors are not those of an EfficientNet-Lite0"):
        find_initial_weights("file", tmp_path / "theirs.pt", "efficientnet_lite0")
