from pathlib import Path

import numpy as np
import pytest

from analysis.contract import InputError
from analysis.interpret.attributions.attribution import attribution_maps
from analysis.interpret.attributions.parameters import AttributionsParameters
from analysis.interpret.attributions.stage import attributions
from analysis.pipeline.dag import load_stages

CLASSES, CENTRES = ["dark", "light"], [0.0, 1.0]
PARAMETERS = AttributionsParameters(
    methods=("integrated_gradients", "gradcam"),
    layer="layer1",
    right_per_class=2,
    wrong_per_class=1,
    n_random_networks=3,
    n_checked_images=2,
    n_removal_steps=2,
    batch_images=2,
    device="cpu",
)
# two right of each class, two that are taken for the other one, and one that cannot be read
ROWS = [("dark", "test", 0), ("dark", "test", 90), ("light", "test", 250), ("light", "test", 200)]
ROWS += [("dark", "test", 255), ("dark", "test", 240), ("light", "test", None)]


@pytest.fixture
def attribute(tmp_path: Path, predict_grey, make_grey_classifier, drained):
    def run(rows, *, classes=CLASSES):
        from models.networks.checkpoint import save_classifier

        manifest, scan, found = predict_grey(rows, CLASSES, CENTRES, classes=CLASSES)
        save_classifier(make_grey_classifier(classes, CENTRES), tmp_path / "model.pt")
        stage = attributions(
            manifest, scan, found["predictions"], tmp_path / "model.pt", parameters=PARAMETERS, seed=0
        )
        return drained(stage)

    return run


@pytest.fixture(autouse=True)
def one_cascade(monkeypatch) -> None:
    monkeypatch.setattr("analysis.interpret.attributions.randomisation.CASCADE_NETWORKS", 1)


def test_rows_of_all_that_is_kept_belong_together(attribute, make_grey_classifier) -> None:
    _, rest = attribute(ROWS)
    images, pixels = rest.tables["attributed_images"], rest.tables["attributed_pixels"]
    assert images["is_right"].tolist() == [True] * 4 + [False]
    levels = [ROWS[i][2] for i in images["item_id"]]
    assert pixels[:, 0, 0, 0].tolist() == levels
    assert (pixels.dtype, pixels.shape) == (np.uint8, (5, 8, 8, 3))
    assert rest.tables["attribution_maps"].shape == (2, 5, 8, 8)
    assert "path" not in images
    torch = pytest.importorskip("torch")
    classifier = make_grey_classifier(CLASSES, CENTRES)
    expected = attribution_maps(
        classifier,
        torch.from_numpy(pixels[3:5].transpose(0, 3, 1, 2).copy()),
        images["predicted_index"].to_numpy()[3:5],
        method="gradcam",
        layer="layer1",
        batch_images=2,
    )
    np.testing.assert_allclose(rest.tables["attribution_maps"][1, 3:5], expected, rtol=1e-5)
    assert (rest.metrics["n_right"], rest.metrics["n_wrong"], rest.metrics["n_checked"]) == (4, 1, 2)


def test_maps_of_random_networks_are_yielded_one_by_one_and_differ(attribute) -> None:
    parts, _ = attribute(ROWS)
    assert [part["random_maps"].shape for part in parts] == [(1, 4, 8, 8)] * 3
    assert not np.array_equal(parts[0]["random_maps"], parts[1]["random_maps"])


def test_without_right_predictions_there_are_no_maps_of_random_networks(attribute) -> None:
    parts, rest = attribute([("dark", "test", 255)])
    assert [part["random_maps"].shape for part in parts] == [(1, 0, 8, 8)] * 3
    assert len(rest.tables["attributed_images"]) == 1


def test_classifier_of_other_classes_is_refused(attribute) -> None:
    with pytest.raises(InputError, match="run baseline_resnet again"):
        attribute(ROWS, classes=["dark", "bright"])


def test_judging_the_maps_needs_neither_the_model_nor_the_images() -> None:
    stage = load_stages(Path(__file__).parents[3])["gradcam"]
    assert not [path for path in stage.deps if path.suffix == ".pt" or "models" in path.parts]
