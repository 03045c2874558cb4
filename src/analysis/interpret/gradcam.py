"""Which parts of a picture do the classifier's decisions rest on, and are they the object?

Method: Grad-CAM (Selvaraju et al. 2017; guided Grad-CAM and integrated gradients on request, all by captum)
of right and wrong predictions of each class, for the class that was predicted. What the eye would say is
counted: the share of the attribution on the border, a ring along the edge, and, where masks of the objects
are given, outside of them; its enrichment is that share over the area's. Two questions come before it. Do the
maps name pixels that matter: does the class's probability fall sooner when these are blurred, or rise
sooner when they are made sharp, than in random order (Petsiuk et al. 2018)? Do the maps show what was
learnt: do they change when weights are made random, from the output down (Adebayo et al. 2018)? Networks
all of whose weights are random, with batch statistics of their own, are also the null for the shares: a class
is flagged if its share is surely higher than in every one of them on the same images (one-sided sign-flip
tests of the paired differences, the largest p-value over the networks, corrected over classes by Holm 1979)
and above the highest by a margin, provided that the maps do name pixels that matter. Random networks are
asked for the class that they predict: with a random head no class of theirs is one of ours. The first method
named gives the shares that are tested.

How the result misleads: a map says where, not what: a network that looks at the object may still judge by its
texture or colour. Objects that fill the picture, or stand at its edge, put attribution on the border rightly;
masks tell. A mark in the middle is not seen by these numbers, only by eye. Grad-CAM follows a class's score,
which need not rise with what tells the class apart: a mark may work by lowering the other scores, and is
missed then, so nothing flagged is no proof. The test treats images as a sample
and the few random networks as the whole null; the margin stands for the networks not drawn. Coarse maps are
blurred over the border: with four cells a side a mark in the corner puts three quarters on a ring of an
eighth. An early layer has finer maps but less of the decision. What right predictions rest on is judged;
why images of a class are missed may be another matter.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from analysis.interpret.attribution_shares import (
    border_weights,
    compare_with_random,
    flag_shares,
    mean_of_present,
    share_inside,
)
from analysis.interpret.gradcam_figures import (
    METHOD_NAMES,
    REGION_NAMES,
    plot_cascade,
    plot_class_shares,
    plot_mean_maps,
    plot_methods,
    plot_removal,
    plot_right,
    plot_wrong,
)
from analysis.interpret.judged_images import split_note
from analysis.interpret.object_masks import common_folder, masks_of
from analysis.runner import run_stage
from analysis.stage import NO_FILE, Artifacts, Figure, FindingKind, StageParameters, findings_of

if TYPE_CHECKING:
    from analysis.interpret.explained_images import Explained

MAX_IMAGES_FOUND = 6  # images of a flagged class in the ledger, those with most attribution in the region
SIMILAR_BEYOND = (
    0.5  # rank correlation with random networks' maps, beyond which maps hardly show what was learnt
)

CONTEXT = FindingKind(
    name="class_told_by_context",
    title="Classes told by their border or background",
    severity="medium",
    why="The classifier recognises these classes by something beside the object: a watermark, a frame, a "
    "typical background. It will fail where that is missing, and test images that share it hide the fault.",
    action="Look at the images and their overlays for what they have in common at the edge. Crop or mask it, "
    "or collect images of the class without it, and train again; cropping at random in training helps.",
)
CLASS_COLUMNS = [
    "label",
    "region",
    "n_images",
    "share",
    "enrichment",
    "random_share_high",
    "effect_size",
    "p_value",
    "is_flagged",
]
CAPTIONS = {
    "class_shares": "One row a class and region, over its right predictions. share is the mean share of the "
    "attribution in the region, enrichment that over the region's share of the area; random_share_high the "
    "mean share of that random network which puts most there; effect_size the mean difference to random "
    "networks in standard deviations; p_value, corrected for the number of rows, of a share no higher than "
    "every random network's.",
    "faithfulness": "One row a method and measure. auc is the mean area under the curve of the class's "
    "probability, auc_random that with pixels in random order; difference is between them on the same "
    "images, with its 95% interval. For deletion lower than random is good, for insertion higher.",
    "randomisation": "One row a method and number of layers made random from the head down: mean likeness to "
    "the trained network's maps over images and networks, 1 is the same. Near 0 is good.",
}


class GradcamParameters(StageParameters):
    """What is attributed, how, and when a class is flagged; see params.yaml."""

    methods: Annotated[
        tuple[Literal["gradcam", "guided_gradcam", "integrated_gradients"], ...], Field(min_length=1)
    ]
    layer: Literal["auto", "layer1", "layer2", "layer3", "layer4"]
    right_per_class: int = Field(ge=1)
    wrong_per_class: int = Field(ge=0)
    border_fraction: float = Field(gt=0, lt=0.5)
    masks: Path
    n_random_networks: int = Field(ge=1)
    significance_level: float = Field(gt=0, lt=1)
    min_excess_share: float = Field(ge=0, le=1)
    n_checked_images: int = Field(ge=1)
    n_removal_steps: int = Field(ge=2)
    shown_per_class: int = Field(ge=1)
    batch_images: int = Field(ge=1)
    device: Literal["auto", "cpu", "cuda", "mps"]


def gradcam(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    predictions: pd.DataFrame,
    model: Path,
    *,
    parameters: GradcamParameters,
    seed: int,
) -> Artifacts:
    """Attribute a sample of predictions, check the maps, and test where they lie.

    Raises
    ------
    InputError
        If no image has both a picture and a label, the classifier is of other classes than the manifest, or
        a mask cannot be read or leads out of its folder.
    """
    from analysis.interpret.faithfulness import check_removal, is_surely_better
    from analysis.interpret.randomisation import cascade_likeness, random_shares
    from models.image_data import readable_images

    readable = readable_images(cleaned_manifest, scan)
    classes = list(cleaned_manifest["label"].cat.categories)
    explained, split = _explain_sample(readable, predictions, model, classes, parameters, seed=seed)
    regions = _regions(explained, readable["path"], parameters)
    maps = explained.maps[explained.method]
    shares = {name: share_inside(maps, region) for name, region in regions.items()}
    checked = explained.right_sample(parameters.n_checked_images, seed=seed)
    curves, areas = check_removal(explained, checked, n_steps=parameters.n_removal_steps, seed=seed)
    areas = areas.assign(is_surely_better=is_surely_better(areas))
    of_random = random_shares(explained, regions, n_networks=parameters.n_random_networks, seed=seed)
    tests = flag_shares(
        _compare_classes(explained, classes, regions, shares, of_random, seed=seed),
        is_faithful=areas.loc[areas["method"] == explained.method, "is_surely_better"].any(),
        significance_level=parameters.significance_level,
        min_excess_share=parameters.min_excess_share,
    )
    cascade = cascade_likeness(explained, checked, seed=seed)
    return Artifacts(
        summary=_summary(explained, tests),
        metrics=_metrics(explained, regions, shares, tests, areas, cascade),
        tables={
            "class_shares": tests[CLASS_COLUMNS].round(4),
            "image_shares": _image_shares(explained, regions),
            "faithfulness": areas.round(4),
            "randomisation": _by_step(cascade).round(4),
        },
        captions=CAPTIONS,
        figures=_figures(explained, classes, split, tests, curves, cascade, parameters),
        findings=_find_context(explained, shares, tests),
        kinds=(CONTEXT,),
        notes=_notes(explained, regions, tests, areas, cascade, split, parameters),
    )


def _explain_sample(
    readable: pd.DataFrame,
    predictions: pd.DataFrame,
    model: Path,
    classes: list[str],
    parameters: GradcamParameters,
    *,
    seed: int,
) -> tuple[Explained, str]:
    """Maps of a sample of the judged split's predictions, and that split's name."""
    from analysis.interpret.explained_images import explain, sample_predictions

    images, split = sample_predictions(
        readable,
        predictions,
        right_per_class=parameters.right_per_class,
        wrong_per_class=parameters.wrong_per_class,
        seed=seed,
    )
    explained = explain(
        model,
        images,
        classes,
        methods=parameters.methods,
        layer=parameters.layer,
        batch_images=parameters.batch_images,
        device=parameters.device,
    )
    return explained, split


def _regions(explained: Explained, paths: pd.Series, parameters: GradcamParameters) -> dict[str, np.ndarray]:
    """How much of each pixel lies in a region, (N, H, W); NaN for images without a mask."""
    n, side_px = len(explained.images), explained.classifier.input_px
    border = border_weights(side_px, parameters.border_fraction)
    image_root = common_folder(paths)
    masks = masks_of(explained.images, parameters.masks, image_root=image_root, side_px=side_px)
    return {"border": np.broadcast_to(border, (n, side_px, side_px)), "background": 1 - masks}


def _compare_classes(
    explained: Explained,
    classes: list[str],
    regions: dict[str, np.ndarray],
    shares: dict[str, np.ndarray],
    of_random: dict[str, np.ndarray],
    *,
    seed: int,
) -> pd.DataFrame:
    """One row a region and class: the shares of its right predictions beside those of random networks.

    The background has rows if there are masks.
    """
    codes = explained.images["class_index"].to_numpy()[explained.right]
    rows = []
    for name, region in regions.items():
        areas = region.mean(axis=(1, 2))
        if not np.isfinite(areas).any():
            continue
        for code, label in enumerate(classes):
            is_of_class = codes == code
            of_class = explained.right[is_of_class]
            area = mean_of_present(areas[of_class])
            result = compare_with_random(shares[name][of_class], of_random[name][:, is_of_class], seed=seed)
            described = {"region": name, "label": label, "area_share": area}
            rows.append(described | result | {"enrichment": result["share"] / area})
    return pd.DataFrame(rows)


def _image_shares(explained: Explained, regions: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row an image and method: the shares of its map, NaN where it is zero or there is no mask."""
    columns = ["image_id", "label", "predicted_label", "is_right"]
    parts = [
        explained.images[columns].assign(
            method=method,
            border_share=share_inside(maps, regions["border"]),
            background_share=share_inside(maps, regions["background"]),
        )
        for method, maps in explained.maps.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _by_step(cascade: pd.DataFrame) -> pd.DataFrame:
    """Means over the random networks."""
    columns = ["rank_correlation", "ssim"]
    means = cascade.groupby(["method", "down_to"], sort=False)[columns].mean().reset_index()
    return means.rename(columns={"down_to": "random_down_to"})


def _metrics(
    explained: Explained,
    regions: dict[str, np.ndarray],
    shares: dict[str, np.ndarray],
    tests: pd.DataFrame,
    areas: pd.DataFrame,
    cascade: pd.DataFrame,
) -> dict[str, float]:
    """Of the first method."""
    is_right = explained.images["is_right"].to_numpy()
    of_region = {}
    for name, region in regions.items():
        area = mean_of_present(region.mean(axis=(1, 2))[is_right])
        share = mean_of_present(shares[name][is_right])
        random_shares = tests.loc[tests["region"] == name, "random_share"].to_numpy()
        of_region[name] = {
            f"{name}_share": share,
            f"{name}_enrichment": share / area if area else np.nan,
            f"{name}_area_share": area,
            f"{name}_share_of_random_networks": mean_of_present(random_shares),
            f"{name}_share_of_mistakes": mean_of_present(shares[name][~is_right]),
        }
    areas = areas[areas["method"] == explained.method].set_index("measure")
    return {
        "n_classes_flagged": tests.loc[tests["is_flagged"], "label"].nunique(),
        **of_region["border"],
        "deletion_auc": areas.loc["deletion", "auc"],
        "deletion_auc_random": areas.loc["deletion", "auc_random"],
        "insertion_auc": areas.loc["insertion", "auc"],
        "insertion_auc_random": areas.loc["insertion", "auc_random"],
        **_similarity_to_random(cascade, explained.method),
        "n_right": int(is_right.sum()),
        "n_wrong": int((~is_right).sum()),
        "n_without_attribution": _n_blank(explained),
        "n_with_mask": _n_masked(regions),
        **of_region["background"],
    }


def _n_blank(explained: Explained) -> int:
    return int((explained.maps[explained.method].max(axis=(1, 2)) == 0).sum())


def _n_masked(regions: dict[str, np.ndarray]) -> int:
    return int(np.isfinite(regions["background"]).all(axis=(1, 2)).sum())


def _similarity_to_random(cascade: pd.DataFrame, method: str) -> dict[str, float]:
    """Of the method's maps to those of networks with nothing learnt."""
    last = cascade[(cascade["method"] == method) & (cascade["down_to"] == "stem")]
    return {
        "rank_correlation_with_random": mean_of_present(last["rank_correlation"].to_numpy()),
        "ssim_with_random": mean_of_present(last["ssim"].to_numpy()),
    }


def _summary(explained: Explained, tests: pd.DataFrame) -> str:
    n_right, n = len(explained.right), len(explained.images)
    n_flagged = tests.loc[tests["is_flagged"], "label"].nunique()
    return (
        f"{METHOD_NAMES[explained.method]} at {explained.layer} of {n_right:,} right and {n - n_right:,} "
        f"wrong predictions, {n_flagged} classes told by border or background"
    )


def _find_context(explained: Explained, shares: dict[str, np.ndarray], tests: pd.DataFrame) -> pd.DataFrame:
    """The images of each flagged class with most attribution in the region, beyond every random network's."""
    parts = [findings_of(CONTEXT, image_id=[])]
    for row in tests[tests["is_flagged"]].itertuples():
        of_class = explained.images["is_right"] & (explained.images["label"] == row.label)
        share = pd.Series(shares[row.region])[of_class].sort_values(ascending=False).head(MAX_IMAGES_FOUND)
        detail = [
            f"{value:.0%} of its attribution lies {REGION_NAMES[row.region]}. Class mean {row.share:.0%} of "
            f"{row.n_images} images, {row.enrichment:.1f} times its share of the area, where at most "
            f"{row.random_share_high:.0%} is seen with random weights (p = {row.p_value:.2g}, "
            f"d = {row.effect_size:.1f})"
            for value in share
        ]
        image_id = explained.images.loc[share.index, "image_id"]
        parts.append(
            findings_of(
                CONTEXT, image_id=image_id, label=[row.label] * len(share), score=share, detail=detail
            )
        )
    return pd.concat(parts, ignore_index=True)


def _figures(
    explained: Explained,
    classes: list[str],
    split: str,
    tests: pd.DataFrame,
    curves: pd.DataFrame,
    cascade: pd.DataFrame,
    parameters: GradcamParameters,
) -> list[Figure]:
    pixels = explained.pixels.permute(0, 2, 3, 1).numpy()  # (N, 3, H, W) -> (N, H, W, 3)
    images, maps, method = explained.images, explained.maps[explained.method], explained.method
    shown = {"classes": classes, "n_per_class": parameters.shown_per_class}
    figures = []
    if len(explained.right):
        figures.append(plot_right(images, pixels, maps, method=method, split=split, **shown))
    if len(explained.right) < len(images):
        figures.append(
            plot_wrong(images, pixels, maps, explained.actual_maps, method=method, split=split, **shown)
        )
    if len(explained.right) == 0:
        return figures
    if len(explained.maps) > 1:
        figures.append(plot_methods(images, pixels, explained.maps, **shown))
    figures.append(plot_mean_maps(images, maps, classes=classes, method=method))
    for region, rows in tests.groupby("region", sort=False):
        figures.append(
            plot_class_shares(rows, region=region, method=method, n_random=parameters.n_random_networks)
        )
    n_checked = int(curves["n_images"].max())
    return [*figures, plot_removal(curves), plot_cascade(cascade, n_images=n_checked)]


def _notes(
    explained: Explained,
    regions: dict[str, np.ndarray],
    tests: pd.DataFrame,
    areas: pd.DataFrame,
    cascade: pd.DataFrame,
    split: str,
    parameters: GradcamParameters,
) -> list[str]:
    notes = [
        split_note(split),
        _layer_note(explained),
        *_gap_notes(explained, tests, parameters.significance_level),
        _mask_note(explained, regions, parameters.masks),
        *(_trust_notes(explained, areas, cascade) if len(explained.right) else ()),
    ]
    return [note for note in notes if note]


def _layer_note(explained: Explained) -> str:
    from analysis.interpret.attribution import map_side_px

    cells = map_side_px(explained.classifier, explained.layer)
    return (
        f"Grad-CAM is taken at {explained.layer}, whose map has {cells}×{cells} cells for images of "
        f"{explained.classifier.input_px} px; gradcam.layer chooses another."
    )


def _gap_notes(explained: Explained, tests: pd.DataFrame, significance_level: float) -> list[str]:
    """What there was too little of."""
    border = tests[tests["region"] == "border"]
    # the smallest p-value that n pairs can give, corrected for the number of tests
    is_testable = 0.5 ** border["n_images"] * tests["p_value"].notna().sum() < significance_level
    n_untested = int((~is_testable | border["p_value"].isna()).sum())
    n_blank = _n_blank(explained)
    n, n_right = len(explained.images), len(explained.right)
    return [
        f"{n_untested} of {len(border)} classes have too few right predictions for a test of their shares."
        if n_untested
        else "",
        "The judged images hold no wrong prediction to look at." if n == n_right else "",
        f"{n_blank} of {n:,} maps are zero everywhere: nothing that the layer sees speaks for the class. "
        "They have no shares."
        if n_blank
        else "",
    ]


def _mask_note(explained: Explained, regions: dict[str, np.ndarray], folder: Path) -> str:
    n_masked = _n_masked(regions)
    if n_masked:
        return f"{n_masked:,} of {len(explained.images):,} images have a mask of their object."
    if folder == Path(NO_FILE):
        return ""
    return f"None of the masks in {folder} belongs to one of the images; see gradcam.masks in params.yaml."


def _trust_notes(explained: Explained, areas: pd.DataFrame, cascade: pd.DataFrame) -> list[str]:
    """In words, which maps are no better than chance, and which do not depend on the weights."""
    notes = []
    for method, rows in areas.groupby("method", sort=False):
        lacking = rows.loc[~rows["is_surely_better"], "measure"].tolist()
        if lacking:
            notes.append(
                f"{METHOD_NAMES[method]} is not surely better than random order by {' and '.join(lacking)} "
                f"({rows['n_images'].max()} images): read its maps with care."
            )
    is_of_first = areas["method"] == explained.method
    if not areas.loc[is_of_first, "is_surely_better"].any():
        notes.append(
            "No class is flagged for its border or background, because the maps do not surely name the "
            "pixels that matter. Try another gradcam.layer, or more gradcam.n_checked_images."
        )
    for method in explained.maps:
        likeness = _similarity_to_random(cascade, method)["rank_correlation_with_random"]
        if likeness > SIMILAR_BEYOND:
            notes.append(
                f"{METHOD_NAMES[method]} of a network with random weights is much like the trained one's "
                f"(rank correlation {likeness:.2f}): the maps show the pictures more than what was learnt."
            )
    return notes


if __name__ == "__main__":
    run_stage(gradcam)
