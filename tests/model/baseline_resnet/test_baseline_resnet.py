import hashlib
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image, ImageDraw

from analysis.contract import Artifacts, InputError, NothingToJudgeError
from analysis.dataset.readable import readable_images
from analysis.model.baseline_resnet.parameters import BaselineResnetParameters
from analysis.model.baseline_resnet.stage import baseline_resnet
from models.inference import predict_images
from models.networks.checkpoint import load_classifier
from models.networks.packaged_weights import FILE, N_BYTES, SHA256

PARAMETERS_FILE = Path(__file__).parents[3] / "params.yaml"
DEFAULTS = BaselineResnetParameters.model_validate(
    yaml.safe_load(PARAMETERS_FILE.read_text(encoding="utf-8"))["baseline_resnet"]
)
NORMALISATION = pd.DataFrame(
    {"channel": ["blue", "green", "red"], "mean": [0.6, 0.5, 0.4], "std": [0.3, 0.2, 0.1]}
)
VERDICTS = pd.DataFrame(
    {"label": ["dark", "light"], "transform": "horizontal_flip", "verdict": ["safe", "unusual pose"]}
)
METHODS = pd.DataFrame({"method": ["bilinear", "lanczos"], "is_recommended": [False, True]})
ADVICE = {
    "channel_statistics": NORMALISATION,
    "interpolation_methods": METHODS,
    "augmentation_verdicts": VERDICTS,
}
TINY = {"epochs": 1, "input_px": 8, "device": "cpu"}


def rows_of(split: str, *, n: int = 6) -> list[tuple[str, str, int]]:
    """No two splits hold the same picture."""
    other = ["train", "validation", "test"].index(split)
    return [
        (label, split, level + 3 * i + other)
        for label, level in (("dark", 0), ("light", 200))
        for i in range(n)
    ]


def thumbnails_of(manifest: pd.DataFrame, scan: pd.DataFrame) -> np.ndarray:
    thumbnails = np.zeros((len(manifest), 4, 4, 3), dtype=np.uint8)
    for row, path in enumerate(manifest["path"]):
        if scan["status"][row] == "ok":
            thumbnails[row] = np.asarray(Image.open(path).convert("RGB"))[:4, :4]
    return thumbnails


def run(folder: Path, dataset: tuple[pd.DataFrame, pd.DataFrame], *, seed: int = 0, **changes) -> Artifacts:
    folder.mkdir(exist_ok=True)
    return baseline_resnet(
        *dataset,
        thumbnails_of(*dataset),
        **ADVICE,
        parameters=DEFAULTS.model_copy(update={**TINY, **changes}),
        seed=seed,
        model=folder / "model.pt",
        dvclive=folder / "dvclive",
    )


def test_written_model_knows_classes_size_and_normalisation(tmp_path: Path, make_dataset) -> None:
    dataset = make_dataset(rows_of("train") + rows_of("validation"), classes=["light", "dark"])
    run(tmp_path, dataset, input_px="auto")
    classifier = load_classifier(tmp_path / "model.pt")
    assert classifier.classes == ("light", "dark")
    assert (classifier.input_px, classifier.keep_resolution) == (16, True)
    assert classifier.mean.flatten().tolist() == pytest.approx([0.4, 0.5, 0.6])
    assert classifier.std.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])


def test_images_left_out_are_counted_and_said(tmp_path: Path, make_dataset) -> None:
    rows = rows_of("train") + rows_of("validation", n=2)
    spoilt = [("dark", "train", None), (None, "train", 9), (None, "validation", None)]
    artifacts = run(tmp_path, make_dataset(rows + spoilt))
    counts = {
        key: artifacts.metrics[key] for key in ("n_training_images", "n_validation_images", "n_left_out")
    }
    assert counts == {"n_training_images": 12, "n_validation_images": 4, "n_left_out": 3}
    assert "3 of 19 images are left out: 2 cannot be read, 1 have no label." in artifacts.notes


def test_training_images_that_are_held_out_too_are_left_out_and_said(tmp_path: Path, make_dataset) -> None:
    copies = [("dark", "train", 77), ("dark", "train", 78), ("light", "test", 77), ("dark", "validation", 78)]
    artifacts = run(tmp_path, make_dataset([*rows_of("train"), *rows_of("validation"), *copies]))
    counts = {key: artifacts.metrics[key] for key in ("n_training_images", "n_leaked_left_out", "n_left_out")}
    assert counts == {"n_training_images": 12, "n_leaked_left_out": 2, "n_left_out": 0}
    assert any(
        note.startswith("2 training images are left out, as validation or test") for note in artifacts.notes
    )
    contract = artifacts.tables["batch_contract"].set_index("check")
    assert contract.loc["copies of validation or test images", ["found", "is_met"]].tolist() == [
        "2, left out",
        False,
    ]


def test_only_classes_found_safe_are_mirrored_and_that_is_said(tmp_path: Path, make_dataset) -> None:
    artifacts = run(tmp_path, make_dataset(rows_of("train") + rows_of("validation")))
    said = "Horizontal flip of half of the training images of 1 of 2 classes (dark), which `geometric` finds"
    assert any(note.startswith(said) for note in artifacts.notes)


def test_missing_validation_is_said_and_all_epochs_run(tmp_path: Path, make_dataset) -> None:
    artifacts = run(tmp_path, make_dataset(rows_of("train")), epochs=2, patience=1)
    assert artifacts.metrics["n_epochs"] == artifacts.metrics["best_epoch"] == 2
    assert np.isnan(artifacts.metrics["validation_macro_f1"])
    assert any("no validation split" in note for note in artifacts.notes)


def test_class_without_training_images_is_said_and_never_predicted(tmp_path: Path, make_dataset) -> None:
    rows = rows_of("train") + rows_of("validation") + [("absent", "test", 128), ("absent", "train", None)]
    manifest, scan = make_dataset(rows)
    artifacts = run(tmp_path, (manifest, scan), epochs=3)
    assert any("1 classes have no image to train on" in note and "absent" in note for note in artifacts.notes)
    found = predict_images(
        load_classifier(tmp_path / "model.pt"),
        readable_images(manifest, scan),
        batch_images=64,
        device=torch.device("cpu"),
    )
    absent = manifest["label"].cat.categories.get_loc("absent")
    assert (found.probabilities.argmax(axis=1) != absent).all()


@pytest.mark.parametrize("level", [None, 7])
def test_fewer_than_two_classes_to_train_on_is_an_error(
    tmp_path: Path, make_dataset, level: int | None
) -> None:
    rows = [("dark", "train", 1), ("dark", "train", 2), ("light", "train", None), ("light", "test", level)]
    with pytest.raises(NothingToJudgeError, match="those of training are 2 of one"):
        run(tmp_path, make_dataset(rows))


def test_class_of_one_image_is_trained_on(tmp_path: Path, make_dataset) -> None:
    artifacts = run(tmp_path, make_dataset([("dark", "train", 3), ("light", "train", 200)]))
    assert artifacts.metrics["n_training_images"] == 2


def test_sample_of_the_training_images_is_said(tmp_path: Path, make_dataset) -> None:
    artifacts = run(tmp_path, make_dataset(rows_of("train") + rows_of("validation")), max_training_images=4)
    assert artifacts.metrics["n_training_images"] == 4
    assert any(note.startswith("Trained on 4 of 12 images") for note in artifacts.notes)


def test_same_seed_writes_the_same_bytes_and_metrics(tmp_path: Path, make_dataset) -> None:
    dataset = make_dataset(rows_of("train") + rows_of("validation"))
    runs = {
        name: run(tmp_path / name, dataset, seed=seed, cache_gigabytes=cache)
        for name, seed, cache in (("a", 0, 4.0), ("b", 0, 0.0), ("c", 1, 4.0))
    }
    models = {name: (tmp_path / name / "model.pt").read_bytes() for name in runs}
    assert models["a"] == models["b"] != models["c"]
    assert runs["a"].metrics == runs["b"].metrics != runs["c"].metrics


@pytest.mark.parametrize(
    ("n_bytes", "is_kept"), [(2 * 12 * 3 * 8 * 8, True), (2 * 12 * 3 * 8 * 8 - 1, False)]
)
def test_decoded_images_are_kept_while_they_fit(
    tmp_path: Path, make_dataset, monkeypatch: pytest.MonkeyPatch, n_bytes: int, is_kept: bool
) -> None:
    kept = []

    def look_at(classifier, *batches, **recipe) -> None:
        kept.extend(each.store.kept for each in batches)
        raise InputError("seen enough")

    monkeypatch.setattr("models.training.fitting.train", look_at)
    with pytest.raises(InputError, match="seen enough"):
        run(tmp_path, make_dataset(rows_of("train") + rows_of("validation")), cache_gigabytes=n_bytes / 1e9)
    assert [tensor is not None for tensor in kept] == [is_kept, is_kept]


def test_weights_of_a_file_bring_imagenets_normalisation(tmp_path: Path, make_dataset) -> None:
    from torchvision.models import resnet18

    torch.save(resnet18().state_dict(), tmp_path / "weights.pt")
    weights = {"weights": "file", "weights_file": str(tmp_path / "weights.pt")}
    artifacts = run(tmp_path, make_dataset(rows_of("train")), **weights)
    classifier = load_classifier(tmp_path / "model.pt")
    assert classifier.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert "from the weights in" in artifacts.summary


def test_figure_shows_every_epoch(tmp_path: Path, make_dataset) -> None:
    figure, _ = run(tmp_path, make_dataset(rows_of("train") + rows_of("validation")), epochs=2).figures
    losses, score = figure.drawing.axes
    assert [len(line.get_xdata()) for line in losses.get_lines()[:2]] == [2, 2]
    assert score.get_lines()[0].get_ydata().tolist() == figure.table["validation_macro_f1"].tolist()


@pytest.mark.slow
def test_digits_are_told_apart_with_the_default_parameters(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, digits = load_digits(return_X_y=True)
    split = np.full(len(digits), "train", dtype=object)
    rest, test = train_test_split(np.arange(len(digits)), test_size=0.2, stratify=digits, random_state=1)
    _, validation = train_test_split(rest, test_size=0.2, stratify=digits[rest], random_state=1)
    split[test], split[validation] = "test", "validation"
    for i, picture in enumerate(pixels.reshape(-1, 8, 8)):
        Image.fromarray((picture * 255 / 16).astype(np.uint8)).save(tmp_path / f"{i}.png")
    manifest = pd.DataFrame(
        {
            "item_id": np.arange(len(digits)),
            "path": [str(tmp_path / f"{i}.png") for i in range(len(digits))],
            "label": pd.Categorical(digits.astype(str)),
            "split": split,
            "status": "ok",
        }
    )
    scan = pd.DataFrame({"status": ["ok"] * len(digits), "width_px": 8, "height_px": 8, "value_range": None})
    baseline_resnet(
        manifest,
        scan,
        thumbnails_of(manifest, scan),
        **ADVICE,
        parameters=DEFAULTS,
        seed=0,
        model=tmp_path / "model.pt",
        dvclive=tmp_path / "live",
    )
    images = readable_images(manifest, scan).loc[test]
    found = predict_images(
        load_classifier(tmp_path / "model.pt"), images, batch_images=256, device=torch.device("cpu")
    )
    assert (found.probabilities.argmax(axis=1) == digits[test]).mean() >= 0.97


@pytest.mark.parametrize(
    ("named", "recommended", "expected"),
    [
        ("auto", [False, True], "lanczos"),
        ("area", [False, True], "area"),
        ("auto", [False, False], "bilinear"),
    ],
)
def test_images_are_resized_as_named_or_recommended(
    tmp_path: Path, make_dataset, named: str, recommended: list[bool], expected: str
) -> None:
    dataset = make_dataset([*rows_of("train"), *rows_of("validation")])
    baseline_resnet(
        *dataset,
        thumbnails_of(*dataset),
        **ADVICE | {"interpolation_methods": METHODS.assign(is_recommended=recommended)},
        parameters=DEFAULTS.model_copy(update={**TINY, "interpolation": named}),
        seed=0,
        model=tmp_path / "model.pt",
        dvclive=tmp_path / "live",
    )
    assert load_classifier(tmp_path / "model.pt").interpolation == expected


# ---- checkpoint from elsewhere ---------------------------------------------------------------------------
def test_checkpoint_is_taken_as_it_is_and_said(tmp_path: Path, make_dataset) -> None:
    from torchvision.models import resnet34

    torch.save(resnet34(num_classes=2).state_dict(), tmp_path / "theirs.pt")
    theirs = {"checkpoint": str(tmp_path / "theirs.pt"), "input_px": 32}  # the file tells the architecture
    artifacts = run(tmp_path, make_dataset(rows_of("train") + rows_of("test")), **theirs)
    classifier = load_classifier(tmp_path / "model.pt", ["dark", "light"])
    assert (classifier.architecture, classifier.input_px, classifier.interpolation) == (
        "resnet34",
        32,
        "lanczos",
    )
    assert classifier.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert len(artifacts.tables["training_dynamics"]) == 0
    assert (tmp_path / "dvclive").is_dir()
    assert any("a test image may be among it" in note for note in artifacts.notes)
    assert "not trained here" in artifacts.summary


def test_checkpoint_with_its_outputs_in_another_order_is_told_not_changed(
    tmp_path: Path, make_dataset
) -> None:
    """A network trained here, its outputs then turned round."""
    from torchvision.models import resnet18

    dataset = make_dataset(rows_of("train", n=20) + rows_of("test", n=2))
    run(tmp_path / "own", dataset, epochs=8)
    classifier = load_classifier(tmp_path / "own" / "model.pt")
    state = resnet18(num_classes=2).state_dict() | classifier.backbone.state_dict()
    for name, tensor in classifier.head.state_dict().items():
        state[f"fc.{name}"] = tensor.flip(0)
    torch.save({"state_dict": state, "criterion.weight": torch.ones(2)}, tmp_path / "theirs.pt")
    theirs = {"checkpoint": str(tmp_path / "theirs.pt"), "normalisation": "dataset"}
    artifacts = run(tmp_path / "theirs", dataset, **theirs)
    assert """--set 'baseline_resnet.checkpoint_classes=["light", "dark"]'""" in artifacts.notes[0]
    assert "PROBABLY IN ANOTHER ORDER" in artifacts.summary
    assert "criterion.weight" in artifacts.notes[1]
    as_given = load_classifier(tmp_path / "theirs" / "model.pt")
    torch.testing.assert_close(as_given.head.bias, classifier.head.bias.flip(0))
    told = run(tmp_path / "told", dataset, **theirs, checkpoint_classes=("light", "dark"))
    assert not any("another order" in note for note in told.notes)


def test_training_that_is_over_leaves_no_checkpoints(tmp_path: Path, make_dataset) -> None:
    stale = tmp_path / "checkpoints" / "of another recipe" / "phase-1"
    stale.mkdir(parents=True)
    (stale / "last.ckpt").write_bytes(b"half a checkp")
    run(tmp_path, make_dataset(rows_of("train")))
    assert not (tmp_path / "checkpoints").exists()


def test_dynamics_are_one_row_a_training_image(tmp_path: Path, make_dataset) -> None:
    artifacts = run(tmp_path, make_dataset(rows_of("validation") + rows_of("train")), epochs=2)
    dynamics = artifacts.tables["training_dynamics"]
    assert dynamics["item_id"].tolist() == list(range(12, 24))
    assert (dynamics["n_epochs"] == 2).all()
    assert artifacts.metrics["n_never_learnt"] == (dynamics["n_learnt_epochs"] == 0).sum()


def test_pretrained_weights_train_the_head_first(tmp_path: Path, make_dataset) -> None:
    from torchvision.models import resnet18

    torch.save(resnet18().state_dict(), tmp_path / "weights.pt")
    weights = {"weights": "file", "weights_file": str(tmp_path / "weights.pt"), "keep_resolution": False}
    artifacts = run(tmp_path, make_dataset(rows_of("train")), **weights, head_epochs=1, epochs=1)
    assert artifacts.figures[0].table["phase"].tolist() == ["head", "fine-tuning"]
    content = (tmp_path / "weights.pt").read_bytes()
    assert weights_of(artifacts) == ("weights.pt", hashlib.sha256(content).hexdigest(), len(content))


def weights_of(artifacts: Artifacts) -> tuple[str | None, ...]:
    return tuple(artifacts.metrics[name] for name in ("weights", "weights_sha256", "weights_bytes"))


def test_training_from_scratch_names_no_file(tmp_path: Path, make_dataset) -> None:
    assert weights_of(run(tmp_path, make_dataset(rows_of("train")))) == ("scratch", None, None)


def photographs(folder: Path, *, side_px: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Circles and triangles of any colour, size and place on coloured noise, 12 of each in each split."""
    rng, rows = np.random.default_rng(0), []
    for split in ("train", "validation"):
        for label in ("circle", "triangle") * 12:
            noise = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            picture = Image.fromarray(noise).resize((side_px, side_px), Image.Resampling.BICUBIC)
            x, y, r = rng.integers((30, 30, 15), (66, 66, 28)) * side_px / 96
            colour = tuple(int(level) for level in rng.integers(0, 256, 3))
            draw = ImageDraw.Draw(picture)
            draw.regular_polygon((x, y, r), n_sides=40 if label == "circle" else 3, fill=colour)
            rows.append((str(folder / f"{len(rows)}.png"), label, split))
            picture.save(rows[-1][0])
    manifest = pd.DataFrame(rows, columns=["path", "label", "split"]).astype({"label": "category"})
    manifest = manifest.assign(item_id=range(len(rows)), status="ok")
    return manifest, pd.DataFrame(
        {"status": ["ok"] * len(rows), "width_px": side_px, "height_px": side_px, "value_range": None}
    )


def test_photographs_are_learnt_from_the_packaged_weights_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """24 pictures teach shapes to what was pretrained; weights lost on the way would leave chance."""
    monkeypatch.setattr(socket, "getaddrinfo", None)  # to call it is an error
    manifest, scan = photographs(tmp_path, side_px=96)
    artifacts = baseline_resnet(
        manifest,
        scan,
        thumbnails_of(manifest, scan),
        **ADVICE,
        parameters=DEFAULTS.model_copy(update={"device": "cpu", "batch_images": 8}),
        seed=0,
        model=tmp_path / "model.pt",
        dvclive=tmp_path / "live",
    )
    assert artifacts.metrics["validation_macro_f1"] >= 0.8
    assert artifacts.figures[0].table["phase"].tolist() == ["head"] * 2 + ["fine-tuning"] * 3
    assert weights_of(artifacts) == (FILE, SHA256, N_BYTES)
    classifier = load_classifier(tmp_path / "model.pt")
    assert (classifier.architecture, classifier.input_px) == ("efficientnet_lite0", 96)
    assert classifier.mean.flatten().tolist() == [0.5] * 3
    assert classifier.interpolation == "lanczos"


def test_lite_network_keeps_no_resolution(tmp_path: Path, make_dataset) -> None:
    settings = {"architecture": "efficientnet_lite0", "keep_resolution": True}
    with pytest.raises(InputError, match=r"efficientnet_lite0 has no stem that keeps.*resnet18"):
        run(tmp_path, make_dataset(rows_of("train")), **settings)
