"""Recipes, one training of one, and the comparison of what several left."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError
from sklearn.metrics import f1_score

from analysis.contract import InputError
from analysis.model.baseline_resnet.parameters import BaselineResnetParameters
from analysis.model.compare_models.comparison import paired_differences, recall_by_class, scores_of
from analysis.model.compare_models.parameters import CompareModelsParameters
from analysis.model.compare_models.stage import compare_models
from analysis.model.recipes import recipe_parameters
from analysis.model.train_recipe.stage import train_recipe
from analysis.pipeline.code_inputs import code_inputs
from analysis.pipeline.dag import load_stages
from analysis.pipeline.workspace import prepare_workspace, write_parameters
from models.networks.classifier import count_flops

REPOSITORY = Path(__file__).parents[3]
CONTENT = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
DEFAULTS = CompareModelsParameters.model_validate(CONTENT["compare_models"])
BASELINE = BaselineResnetParameters.model_validate(CONTENT["baseline_resnet"])
CLASSES = ["cat", "dog", "owl"]


def comparison_of(**changes) -> CompareModelsParameters:
    return CompareModelsParameters.model_validate(CONTENT["compare_models"] | changes)


# ---- recipes ---------------------------------------------------------------------------------------------
def test_nothing_is_trained_by_default():
    assert DEFAULTS.compared == ()
    assert not [name for name in load_stages(REPOSITORY) if name.startswith("train_recipe")]


def test_stages_are_there_as_soon_as_recipes_are_named(tmp_path):
    prepare_workspace(tmp_path, REPOSITORY)
    settings = {"compare_models.compared": ["baseline", "resnet50"], "compare_models.seeds": [0, 7]}
    write_parameters(tmp_path, settings, home=REPOSITORY)
    stages = load_stages(tmp_path)
    trainings = [stage for name, stage in stages.items() if name.startswith("train_recipe")]
    assert [stage.command.split()[-2:] for stage in trainings] == [
        ["baseline", "0"],
        ["baseline", "7"],
        ["resnet50", "0"],
        ["resnet50", "7"],
    ]
    # naming another recipe or seed trains nothing anew
    keys = {key for stage in trainings for key in stage.parameters}
    assert not keys & {"compare_models", "compare_models.compared", "compare_models.seeds", "seed"}
    code = {dep.as_posix() for dep in trainings[0].deps if trainings[0].is_code(dep)}
    assert {"src/analysis/model/train_recipe", "src/models/training"} <= code
    assert list(stages).index("compare_models") > list(stages).index("train_recipe@resnet50-7")


def test_declared_modules_of_a_training_are_those_it_imports(tmp_path):
    prepare_workspace(tmp_path, REPOSITORY)
    settings = {"compare_models.compared": ["baseline"], "compare_models.seeds": [0]}
    write_parameters(tmp_path, settings, home=REPOSITORY)
    stage = load_stages(tmp_path)["train_recipe@baseline-0"]
    assert [str(dep) for dep in stage.deps if stage.is_code(dep)] == code_inputs(
        stage.module_name, REPOSITORY
    )


@pytest.mark.parametrize("name", DEFAULTS.recipes)
def test_every_recipe_that_comes_with_it_is_valid(name):
    parameters = recipe_parameters(name, DEFAULTS, BASELINE)
    assert parameters.epochs == DEFAULTS.epochs


def test_recipe_changes_only_what_it_names_also_within_a_section():
    comparison = comparison_of(
        recipes={"odd": {"trainer": {"compile": True}, "epochs": 2}}, epochs=5, max_training_images=77
    )
    parameters = recipe_parameters("odd", comparison, BASELINE)
    assert (parameters.epochs, parameters.max_training_images) == (2, 77)  # the recipe has the last word
    assert parameters.trainer == BASELINE.trainer.model_copy(update={"compile": True})
    assert parameters.learning_rate == BASELINE.learning_rate


def test_slip_in_a_recipe_is_named_with_the_nearest_key():
    comparison = comparison_of(recipes={"odd": {"architectur": "resnet50", "learning_rate": -1}})
    with pytest.raises(
        InputError, match=r"learning_rate' is -1.*recipes\.odd\.architectur', did you mean 'architecture'"
    ):
        recipe_parameters("odd", comparison, BASELINE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"compared": ["baselin"]}, "no recipe 'baselin', did you mean 'baseline'"),
        ({"compared": ["baseline", "baseline"]}, "each only once"),
        ({"seeds": [1, 1]}, "each only once"),
        ({"seeds": []}, "at least 1 item"),
        ({"recipes": {"a/b": {}}}, "pattern"),
    ],
)
def test_unknown_repeated_or_unusable_names_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        comparison_of(**changes)


# ---- one training ----------------------------------------------------------------------------------------
def test_training_of_a_recipe_predicts_what_is_held_out(tmp_path, make_dataset):
    rows = [
        (label, split, level + 3 * i)
        for split in ("train", "validation", "test")
        for label, level in (("dark", 0), ("light", 200))
        for i in range(4)
    ]
    manifest, scan = make_dataset([*rows, (None, "test", 9), ("dark", "test", None)])
    channels = pd.DataFrame({"channel": ["red", "green", "blue"], "mean": 0.5, "std": 0.3})
    artifacts = train_recipe(
        manifest,
        scan,
        np.arange(len(manifest), dtype=np.uint8),  # no two images alike
        channel_statistics=channels,
        interpolation_methods=pd.DataFrame({"method": ["bilinear"], "is_recommended": [True]}),
        augmentation_verdicts=pd.DataFrame({"transform": [], "label": [], "verdict": []}),
        compare_models=comparison_of(recipes={"tiny": {"input_px": 8}}, compared=["tiny"], epochs=1),
        baseline_resnet=BASELINE.model_copy(update={"device": "cpu"}),
        arguments=["tiny", "3"],
        dvclive=tmp_path / "dvclive",
    )
    predictions = artifacts.tables["predictions"]
    assert predictions["split"].value_counts().to_dict() == {"validation": 8, "test": 8, "train": 0}
    assert predictions["item_id"].tolist() == list(range(8, 24))
    assert predictions["predicted_label"].cat.categories.tolist() == ["dark", "light"]
    assert artifacts.metrics["n_training_images"] == 8
    timing = artifacts.tables["timing"].iloc[0]
    assert timing["images_per_second"] == pytest.approx(8 / timing["seconds"], rel=0.1)
    assert not (tmp_path / "checkpoints").exists()


def test_any_recipe_with_a_slip_stops_the_first_training(tmp_path):
    comparison = comparison_of(recipes={"fine": {}, "odd": {"epoch": 3}}, compared=["fine", "odd"])
    with pytest.raises(InputError, match=r"recipes\.odd\.epoch"):
        train_recipe(
            *[pd.DataFrame()] * 3,
            channel_statistics=pd.DataFrame(),
            interpolation_methods=pd.DataFrame(),
            augmentation_verdicts=pd.DataFrame(),
            compare_models=comparison,
            baseline_resnet=BASELINE,
            arguments=["fine", "0"],
            dvclive=tmp_path,
        )


def test_flops_of_a_convolution_and_a_linear_layer_by_hand():
    import torch

    class Tiny(torch.nn.Module):
        input_px = 6

        def __init__(self) -> None:
            super().__init__()
            self.convolution = torch.nn.Conv2d(3, 4, kernel_size=3, padding=1, bias=False)
            self.head = torch.nn.Linear(4 * 36, 5, bias=False)

        def forward(self, images):
            return self.head(self.convolution(images).flatten(1))

    assert count_flops(Tiny()) == 2 * (36 * 4 * 3 * 9) + 2 * (4 * 36 * 5)


# ---- statistics ------------------------------------------------------------------------------------------
def predictions_of(actual: list[str], predicted: list[str], splits: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item_id": np.arange(len(actual)),
            "split": pd.Categorical(splits, ["train", "validation", "test"]),
            "label": pd.Categorical(actual, CLASSES),
            "predicted_label": pd.Categorical(predicted, CLASSES),
        }
    )


def test_scores_are_scikit_learns_and_nan_without_images():
    actual, predicted = ["cat", "dog", "owl", "owl"], ["cat", "cat", "owl", "dog"]
    scores = scores_of(predictions_of(actual, predicted, ["test"] * 4))
    assert scores["test_accuracy"] == 0.5
    assert scores["test_macro_f1"] == pytest.approx(f1_score(actual, predicted, average="macro"))
    assert np.isnan(scores["validation_accuracy"])


def test_differences_pair_the_seeds_and_correct_for_the_recipes():
    scores = {"a": [0.5, 0.7, 0.6], "b": [0.6, 0.8, 0.71], "c": [0.5, 0.9, 0.1]}
    trainings = pd.DataFrame(
        [
            {"recipe": name, "seed": seed, "test_accuracy": value, "test_macro_f1": value}
            | {"validation_accuracy": np.nan, "validation_macro_f1": np.nan}
            for name, values in scores.items()
            for seed, value in zip((5, 1, 3), values, strict=True)
        ]
    ).sample(frac=1, random_state=0)
    table = paired_differences(trainings, ["a", "b", "c"]).set_index(["score", "recipe"])
    row = table.loc[("test_accuracy", "b")]
    assert row["difference"] == pytest.approx(0.31 / 3)
    assert row["p_value_holm"] == pytest.approx(2 * row["p_value"])
    assert np.isnan(table.loc[("validation_accuracy", "b"), "p_value_holm"])
    assert paired_differences(trainings, ["a"]).empty


def test_recall_is_the_mean_over_seeds_by_hand():
    splits = ["test", "test", "test", "validation"]
    actual = ["cat", "cat", "dog", "owl"]
    predictions = {
        ("a", 0): predictions_of(actual, ["cat", "dog", "dog", "owl"], splits),
        ("a", 1): predictions_of(actual, ["cat", "cat", "dog", "owl"], splits),
        ("b", 0): predictions_of(actual, ["dog", "dog", "cat", "owl"], splits),
    }
    table = recall_by_class(predictions, "test").set_index("label")
    assert list(table.index) == CLASSES
    assert table.loc["cat", ["n_items", "a", "b"]].tolist() == [2, 0.75, 0]
    assert table.loc["dog", ["n_items", "a", "b"]].tolist() == [1, 1, 0]
    assert np.isnan(table.loc["owl", "a"])


# ---- the stage -------------------------------------------------------------------------------------------
@pytest.fixture
def recipes(tmp_path) -> Path:
    """What trainings of two recipes with two seeds left; the second is right more often."""
    rng = np.random.default_rng(0)
    actual = np.array(CLASSES * 20)
    for name, share in (("baseline", 0.6), ("resnet50", 0.9)):
        for seed in (0, 1):
            folder = tmp_path / f"{name}-{seed}"
            folder.mkdir()
            guesses = np.where(rng.random(60) < share, actual, rng.permutation(actual))
            splits = ["validation", "test"] * 30
            predictions_of(list(actual), list(guesses), splits).to_parquet(folder / "predictions.parquet")
            size = {"n_parameters": 11e6, "n_flops": 2e9, "n_training_images": 99, "n_epochs": 3}
            (folder / "metrics.json").write_text(json.dumps(size))
            (folder / "timing.csv").write_text("seconds,images_per_second,device,n_cores\n12.5,9.9,cpu,2\n")
    return tmp_path


def test_comparison_is_one_row_a_recipe_in_the_order_asked_for(recipes, tmp_path):
    parameters = comparison_of(compared=["resnet50", "baseline"], seeds=[0, 1])
    artifacts = compare_models(recipes, parameters=parameters)
    table = artifacts.tables["comparison"].set_index("recipe")
    assert list(table.index) == ["resnet50", "baseline"]
    assert table["n_seeds"].tolist() == [2, 2]
    assert table.loc["resnet50", "test_accuracy"] > table.loc["baseline", "test_accuracy"]
    assert table.loc["baseline", ["million_parameters", "gigaflops"]].tolist() == [11, 2]
    assert "best on validation resnet50" in artifacts.summary
    assert set(artifacts.tables["differences"]["recipe"]) == {"baseline"}
    assert (artifacts.tables["differences"]["difference"] < 0).all()
    assert artifacts.tables["training_time"].iloc[0].tolist() == ["resnet50", 0, 12.5, 9.9, "cpu", 2]
    for figure in artifacts.figures:
        figure.drawing.savefig(tmp_path / "figure.png")


def test_single_recipe_with_a_single_seed_has_no_intervals_and_says_so(recipes, tmp_path):
    artifacts = compare_models(recipes, parameters=comparison_of(compared=["baseline"], seeds=[1]))
    assert artifacts.tables["differences"].empty
    assert any("With one seed" in note for note in artifacts.notes)
    artifacts.figures[0].drawing.savefig(tmp_path / "figure.png")


def test_no_recipes_say_how_to_compare_some(tmp_path):
    artifacts = compare_models(tmp_path, parameters=DEFAULTS)
    assert artifacts.metrics == {"n_recipes": 0, "n_trainings": 0}
    assert "compare_models.compared" in artifacts.notes[0]
    assert not artifacts.captions  # no empty tables in the report


def test_training_that_has_not_run_is_named(recipes):
    with pytest.raises(InputError, match="train_recipe@resnet50-2"):
        compare_models(recipes, parameters=comparison_of(compared=["resnet50"], seeds=[2]))
