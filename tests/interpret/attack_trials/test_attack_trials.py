from pathlib import Path

import numpy as np
import pytest
import yaml

from analysis.interpret.attack_trials.parameters import AttackTrialsParameters
from analysis.interpret.attack_trials.stage import attack_trials
from analysis.pipeline.dag import load_stages

REPOSITORY = Path(__file__).parents[3]
WORK = AttackTrialsParameters.model_validate(
    yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))["attack_trials"]
)
SMALL = {"device": "cpu", "linf_epsilons": (8.0, 64.0), "l2_epsilons": (0.1, 1.0), "n_wave_steps": 1}
CLASSES, CENTRES = ["dark", "grey", "light"], [0.0, 0.5, 1.0]


@pytest.mark.parametrize("sizes", [[], [4, 2], [0, 1], [1, 1]])
def test_sizes_must_ascend(sizes: list[float]) -> None:
    with pytest.raises(ValueError, match=r"ascend|at least 1"):
        AttackTrialsParameters.model_validate(WORK.model_dump() | {"linf_epsilons": sizes})


def test_what_is_kept_of_each_image_belongs_together(tmp_path, predict_grey, make_grey_classifier) -> None:
    from models.networks.checkpoint import save_classifier

    rows = [("dark", "test", 153), ("grey", "test", 153), ("light", "test", 250)]
    manifest, scan, found = predict_grey(rows, CLASSES, CENTRES, classes=CLASSES)
    save_classifier(make_grey_classifier(CLASSES, CENTRES), tmp_path / "model.pt")
    parameters = WORK.model_copy(update=SMALL | {"n_attacked": 3, "n_images": 3})
    artifacts = attack_trials(
        manifest, scan, found["predictions"], tmp_path / "model.pt", parameters=parameters, seed=0
    )
    tables = artifacts.tables
    images = tables["trial_images"]
    assert tables["trial_pixels"][:, 0, 0, 0].tolist() == [rows[i][2] for i in images["item_id"]]
    assert images["is_right"].tolist() == [False, True, True]
    assert images["is_attacked"].sum() == artifacts.metrics["n_attacked"] == 3
    attacked = tables["attack_outcomes"]
    assert set(attacked["item_id"]) == set(images.loc[images["is_attacked"], "item_id"])
    assert len(attacked) == 3 * 4  # sizes of both norms
    assert attacked["epsilon"].tolist() == pytest.approx(np.repeat([8 / 255, 64 / 255, 0.1, 1], 3))
    grey = attacked[(attacked["item_id"] == 1) & (attacked["norm"] == "linf")].set_index("epsilon")
    assert grey["is_wrong_pgd"].tolist() == [False, True]  # light begins 38 levels above
    assert grey["smallest"].to_numpy() == pytest.approx((0.75 * 255 - 153) / 255, rel=0.06)
    occluded = tables["occluded_images"]["item_id"].tolist()
    assert occluded == [1, 2, 0]  # right ones first
    assert len(tables["occlusion_maps"]) == 3
    examples = tables["adversarial_examples"]
    moved = np.abs(tables["adversarial_pictures"] - tables["trial_pixels"][examples["item_id"]] / 255)
    smallest = attacked[attacked["norm"] == "linf"].groupby("item_id")["smallest"].first()
    np.testing.assert_allclose(moved.max(axis=(1, 2, 3)), smallest[examples["item_id"]], atol=1e-6)


def test_another_threshold_or_number_of_pictures_attacks_nothing() -> None:
    stage = load_stages(REPOSITORY)["robustness_deepdive"]
    assert not [path for path in stage.deps if path.suffix == ".pt" or "models" in path.parts]
