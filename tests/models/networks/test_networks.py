import pickle
from pathlib import Path

import pytest
import torch
from torchvision.models import resnet18

from analysis.contract import InputError
from models.networks.checkpoint import load_classifier, load_plain, save_classifier
from models.networks.classifier import ImageClassifier
from models.seeding import seeded_torch

MEAN, STD = [0.2, 0.4, 0.6], [0.5, 0.25, 0.1]


def small_classifier(
    *, architecture: str = "resnet18", keep_resolution: bool = False, seed: int = 0, std: list[float] = STD
) -> ImageClassifier:
    with seeded_torch(seed):
        return ImageClassifier(
            architecture=architecture,
            classes=["cat", "dog"],
            input_px=32,
            keep_resolution=keep_resolution,
            mean=MEAN,
            std=std,
        ).eval()


def images(n: int = 2, px: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, px, px, generator=torch.Generator().manual_seed(1))


def test_logits_are_torchvisions_of_the_image_normalised_once() -> None:
    classifier = small_classifier()
    reference = resnet18(num_classes=2).eval()
    state = {key.removeprefix("backbone."): value for key, value in classifier.state_dict().items()}
    state = {key.replace("head.", "fc."): value for key, value in state.items() if key not in ("mean", "std")}
    reference.load_state_dict(state)
    normalised = torch.stack([(images()[:, c] - MEAN[c]) / STD[c] for c in range(3)], dim=1)
    torch.testing.assert_close(classifier(images()), reference(normalised))


def test_logits_are_the_head_on_the_embedding() -> None:
    classifier = small_classifier()
    embedding = classifier.embed(images())
    assert embedding.shape == (2, 512)
    torch.testing.assert_close(
        classifier(images()), embedding @ classifier.head.weight.T + classifier.head.bias
    )


@pytest.mark.parametrize(("keep_resolution", "expected_px"), [(True, 32), (False, 8)])
def test_keep_resolution_decides_what_the_first_block_sees(keep_resolution: bool, expected_px: int) -> None:
    classifier = small_classifier(keep_resolution=keep_resolution)
    seen = []
    classifier.backbone.layer1.register_forward_hook(
        lambda module, inputs, output: seen.append(inputs[0].shape)
    )
    classifier(images())
    assert seen[0][2:] == (expected_px, expected_px)


def test_channel_without_variation_gives_finite_logits() -> None:
    assert torch.isfinite(small_classifier(std=[0.0, 0.0, 0.0])(images())).all()


def test_grey_classifier_of_the_tests_answers_as_worked_out_by_hand(make_grey_classifier) -> None:
    classifier = make_grey_classifier(["dark", "light"], [0.0, 1.0], sharpness=4.0)
    grey = torch.full((1, 3, 8, 8), 0.75)
    assert classifier.embed(grey)[0, 0].item() == pytest.approx(0.75, abs=1e-5)
    # -4 · 0.75² and -4 · 0.25² differ by 2
    assert (classifier(grey)[0, 1] - classifier(grey)[0, 0]).item() == pytest.approx(2.0, abs=1e-4)


def test_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(5)
    expected_draw = torch.rand(1)
    torch.manual_seed(5)
    first, same, other = small_classifier(), small_classifier(), small_classifier(seed=1)
    assert torch.equal(torch.rand(1), expected_draw)  # the global generator was put back
    assert torch.equal(first(images()), same(images()))
    assert not torch.equal(first(images()), other(images()))


@pytest.mark.parametrize(
    ("architecture", "keep_resolution"),
    [("resnet18", True), ("resnet18", False), ("efficientnet_lite0", False)],
)
def test_saved_classifier_answers_as_before(tmp_path: Path, architecture: str, keep_resolution: bool) -> None:
    classifier = small_classifier(architecture=architecture, keep_resolution=keep_resolution)
    save_classifier(classifier, tmp_path / "model.pt")
    loaded = load_classifier(tmp_path / "model.pt")
    assert torch.equal(loaded(images()), classifier(images()))
    assert (loaded.classes, loaded.input_px, loaded.training) == (("cat", "dog"), 32, False)


def test_same_classifier_is_saved_as_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save_classifier(small_classifier(), tmp_path / folder / "model.pt")
    assert (tmp_path / "a/model.pt").read_bytes() == (tmp_path / "b/model.pt").read_bytes()


class RunsOnLoading:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return Path.touch, (self.trace,)


def test_checkpoint_that_would_run_code_is_refused_and_runs_none(tmp_path: Path) -> None:
    trace, path = tmp_path / "was_run", tmp_path / "model.pt"
    torch.save({"architecture": "resnet18", "state_dict": RunsOnLoading(trace)}, path)
    with pytest.raises(InputError, match="not loaded"):
        load_classifier(path)
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists()  # the trap works


def test_plain_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path: Path) -> None:
    trace, path = tmp_path / "was_run", tmp_path / "model.pt"
    path.write_bytes(pickle.dumps(RunsOnLoading(trace)))
    with pytest.raises(InputError, match="not loaded"):
        load_classifier(path)
    assert not trace.exists()


def test_whole_pickled_model_is_refused(tmp_path: Path) -> None:
    torch.save(resnet18(), tmp_path / "model.pt")
    with pytest.raises(InputError, match="state_dict"):
        load_plain(tmp_path / "model.pt")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 broken"])
def test_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"model\.pt"):
        load_plain(tmp_path / "model.pt")


def test_cut_off_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    save_classifier(small_classifier(), path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"model\.pt"):
        load_classifier(path)


def test_absent_file_and_other_content_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        load_plain(tmp_path / "absent.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(InputError, match="holds a list"):
        load_plain(tmp_path / "list.pt")
    torch.save({"architecture": "vgg"}, tmp_path / "vgg.pt")
    with pytest.raises(InputError, match="found 'vgg'"):
        load_classifier(tmp_path / "vgg.pt")
