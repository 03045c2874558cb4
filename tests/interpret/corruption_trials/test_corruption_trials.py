from pathlib import Path

import numpy as np
import pytest

from analysis.contract import InputError
from analysis.interpret.corruption_trials.parameters import CorruptionTrialsParameters
from analysis.interpret.corruption_trials.stage import corruption_trials, n_affordable
from analysis.interpret.corruptions import CORRUPTIONS, SEVERITIES, corrupt

CLASSES, CENTRES = ["dark", "grey", "light"], [0.0, 0.5, 1.0]
PARAMETERS = CorruptionTrialsParameters(max_images=200, batch_images=2, device="cpu")


@pytest.fixture
def trials(tmp_path: Path, make_dataset, make_grey_classifier):
    def run(rows, *, seed: int = 0, classes=CLASSES, parameters=PARAMETERS):
        from models.networks.checkpoint import save_classifier

        save_classifier(make_grey_classifier(CLASSES, CENTRES), tmp_path / "model.pt")
        manifest, scan = make_dataset(rows, classes=classes)
        return corruption_trials(manifest, scan, tmp_path / "model.pt", parameters=parameters, seed=seed)

    return run


def test_predictions_under_brightness_by_hand(trials) -> None:
    table = trials([("dark", "test", 10), ("grey", "test", 128), (None, "test", 1)]).tables[
        "corruption_outcomes"
    ]
    bright = table[table["corruption"].isin(["none", "brightness"])].sort_values(["item_id", "severity"])
    # 10 + 0.3 · 255 is nearer to 128 than to 0, and 128 + 0.3 · 255 to 255
    assert bright["predicted_label"].tolist() == ["dark"] * 5 + ["grey"] + ["grey"] * 5 + ["light"]
    assert bright["ssim"].isna().tolist() == [True, *[False] * 5] * 2


def test_example_is_the_typical_image_as_it_was_corrupted(trials) -> None:
    example = trials([("dark", "test", 10)], seed=3).tables["corrupted_example"]
    assert (example.shape, example.dtype) == ((len(CORRUPTIONS), 1 + len(SEVERITIES), 8, 8, 3), np.uint8)
    assert (example[:, 0] == 10).all()
    image = np.full((8, 8, 3), 10, dtype=np.uint8)
    for k, corruption in enumerate(CORRUPTIONS):
        np.testing.assert_array_equal(example[k, 5], corrupt(image, corruption, 5, seed=3, item_id=0))


def test_sizes_are_counted(trials) -> None:
    few = PARAMETERS.model_copy(update={"max_images": 2})
    artifacts = trials([("dark", "test", 10), ("dark", "test", 9), ("grey", "test", 99)], parameters=few)
    assert artifacts.metrics == {"n_images": 2, "n_predictions": 142}
    assert artifacts.summary == "2 test images predicted 71 times each"


def test_classifier_of_other_classes_is_refused(trials) -> None:
    with pytest.raises(InputError, match="run baseline_resnet again"):
        trials([("dark", "test", 10)], classes=["dark", "light"])


@pytest.mark.parametrize(
    ("input_px", "keep_resolution", "n"), [(16, True, 101), (8, False, 1198), (224, False, 100)]
)
def test_number_of_images_follows_from_the_networks_work(
    input_px: int, keep_resolution: bool, n: int
) -> None:
    from models.networks.classifier import ImageClassifier

    classifier = ImageClassifier(
        architecture="resnet18",
        classes=["a", "b"],
        input_px=input_px,
        keep_resolution=keep_resolution,
        mean=[0.5] * 3,
        std=[0.2] * 3,
    )
    assert n_affordable(classifier.eval()) == n
