"""Which images are copies of one another, and which of them leak from training into the test?

Exact copies share their file's content or, opened, every pixel. Near copies are first looked for by
perceptual hash and by a descriptor of edges and colours (`candidates`), then verified: the two images are
aligned (shift, scale, rotation, mirroring), and get a score in [0, 1] for how much more they agree than
images of this dataset do by chance (`verification`). A test image with a copy in training measures memory,
not skill: Barz & Denzler (2020) found 3% of such in CIFAR-10 and 10% in CIFAR-100.

How it misleads: everything is seen at 32 × 32 pixels, so two frames of a film, two prints of one product
photograph or two scans of one form can pass for copies, and copies that differ in small print do. Pictures
with hardly any structure (an empty sky) and images of less than 16 pixels a side are reported only if they
are exactly the same, near copies with different labels only if they are surely copies. A picture within a
picture, a crop to less than half or a turn by 90° is not found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from analysis.cores import available_cores
from analysis.runner import run_stage
from analysis.stage import Artifacts, FindingKind, StageParameters, findings_of

SPLITS = ["train", "validation", "test"]  # a copy leaks from an earlier one into a later one
# Shorter sides hold too little to tell a copy from a look-alike: among 8 × 8 digits two sevens of one writer
# agree better than a seven with its own copy recompressed. Of such images only exact copies are reported.
MIN_SIDE_PX = 16
# Of copies one in some hundreds bears another label, of look-alikes (a plane and a bird, far off in the sky)
# every other: where labels differ, a pair must be surer by about that factor.
MIN_SCORE_IF_LABELS_DIFFER = 0.99

LEAKED = FindingKind(
    name="leaked_image",
    title="Evaluation image has a copy in training",
    severity="high",
    why="The model has seen this picture: its score on it is memory, and the test looks better than it is.",
    action="Drop the training copy (it costs least), or move both to one split, then train again.",
)
CONTRADICTING = FindingKind(
    name="contradicting_copies",
    title="Copies with different labels",
    severity="high",
    why="One picture cannot be two classes: at least one label is wrong, and training pulls both ways.",
    action="Decide which label is right, correct the other, and keep one copy.",
)
EXACT = FindingKind(
    name="exact_duplicate",
    title="Exact copy",
    severity="medium",
    why="The picture counts double in training and in every metric.",
    action="Keep one copy. If there are many, look for what brought them in: a download repeated, a merge.",
)
NEAR = FindingKind(
    name="near_duplicate",
    title="Near copy",
    severity="low",
    why="The same picture recompressed, cropped or recoloured adds little to training, and weighs on metrics "
    "as if it were new.",
    action="Look at the pair; keep the better copy. Keep both if the small difference is the point.",
)

PAIRS_CAPTION = (
    "One row a pair, worst first. Of several exact copies each is paired with one of them, preferably in "
    "training. The score is 1 for exact copies and where it is sure that the two are one picture."
)
GROUPS_CAPTION = "One row an image that has copies. Every image of a group is a copy of the group's centre."


class DataQualityParameters(StageParameters):
    min_score: Annotated[float, Field(ge=0, le=1)]
    n_neighbours: Annotated[int, Field(ge=1, le=100)]
    max_hamming_distance: Annotated[int, Field(ge=0, le=5)]
    max_pairs_shown: Annotated[int, Field(ge=1)]


def data_quality(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: NDArray[np.uint8],
    *,
    parameters: DataQualityParameters,
    seed: int,
) -> Artifacts:
    """Find exact and near copies, group them, and say which leak and which contradict each other."""
    from analysis.scrub.duplicate_figures import pair_figures

    copies = find_copies(manifest, scan, thumbnails, parameters=parameters, seed=seed)
    images, pairs, leaks = copies.images, copies.pairs, copies.leaks
    groups = _groups(pairs, copies.first, images)
    return Artifacts(
        summary=_summary(images, pairs, leaks),
        metrics=_metrics(images, pairs, groups, leaks),
        tables={"duplicates": pairs, "groups": groups},
        captions={"duplicates": PAIRS_CAPTION, "groups": GROUPS_CAPTION},
        figures=pair_figures(pairs, max_pairs=parameters.max_pairs_shown),
        findings=_findings(pairs, leaks),
        kinds=[LEAKED, CONTRADICTING, EXACT, NEAR],
        notes=_notes(manifest, images),
    )


@dataclass(frozen=True)
class Copies:
    """What the search found: the readable `images`, the `first` that stands for each, `pairs` and `leaks`."""

    images: pd.DataFrame
    first: pd.Series
    pairs: pd.DataFrame
    leaks: pd.DataFrame


def find_copies(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: NDArray[np.uint8],
    *,
    parameters: DataQualityParameters,
    seed: int,
) -> Copies:
    """The search itself, without groups and pictures. `thumbnails` are by `image_id`."""
    # scipy and faiss take half a second to import, and every stage imports this module for its parameters
    from analysis.scrub.duplicate_groups import same_picture

    images = _readable(manifest, scan)
    first = same_picture(images, thumbnails)
    is_large_enough = images[["width_px", "height_px"]].min(axis=1) >= MIN_SIDE_PX
    near = _near_pairs(
        images[images.index.isin(first) & is_large_enough], thumbnails, parameters=parameters, seed=seed
    )
    pairs = _described(pd.concat([_exact_pairs(images, first), near], ignore_index=True), images)
    return Copies(images, first, pairs, leaks_of(pairs, first, images))


def _readable(manifest: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    """The images that were decoded, by `image_id`; those of training first, to stand for their copies."""
    measures = scan[["image_id", "status", "width_px", "height_px", "phash"]]
    named = manifest[["image_id", "path", "label", "split", "content_hash"]]
    images = named.merge(measures, on="image_id", validate="1:1")
    images = images[images["status"].isin(["ok", "truncated"]) & images["phash"].notna()]
    images = images.assign(split_rank=images["split"].astype(str).map(SPLITS.index))
    return images.sort_values(["split_rank", "image_id"], kind="stable").set_index("image_id")


def _exact_pairs(images: pd.DataFrame, first: pd.Series) -> pd.DataFrame:
    copies = first[first != first.index]
    contents = images["content_hash"]
    same_file = contents.loc[copies.index].to_numpy() == contents.loc[copies].to_numpy()
    return pd.DataFrame(
        {
            "image_id_a": copies.to_numpy(),
            "image_id_b": copies.index.to_numpy(),
            "kind": "exact",
            "change": np.where(same_file, "same file", "same pixels"),
            "hamming_distance": 0,
            "score": 1.0,
        }
    )


def _near_pairs(
    images: pd.DataFrame, thumbnails: NDArray[np.uint8], *, parameters: DataQualityParameters, seed: int
) -> pd.DataFrame:
    """Verified pairs among images of which no two are exact copies."""
    from analysis.scrub.candidates import candidate_pairs, without_borders
    from analysis.scrub.changes import named_changes
    from analysis.scrub.verification import verify

    ids, hashes = images.index.to_numpy(), images["phash"].to_numpy(dtype=np.uint64)
    pictures, has_border = without_borders(thumbnails[ids])
    candidates = candidate_pairs(
        pictures,
        hashes,
        n_neighbours=parameters.n_neighbours,
        max_hamming_distance=parameters.max_hamming_distance,
        seed=seed,
    )
    near = verify(
        pictures, candidates, min_score=parameters.min_score, seed=seed, n_workers=available_cores()
    )
    size_px = images[["width_px", "height_px"]].to_numpy(dtype=np.int64)
    a, b = near["row_a"].to_numpy(), near["row_b"].to_numpy()
    return pd.DataFrame(
        {
            "image_id_a": ids[a],
            "image_id_b": ids[b],
            "kind": "near",
            "change": named_changes(near, has_border=has_border, size_px=size_px).to_numpy(),
            "hamming_distance": np.bitwise_count(hashes[a] ^ hashes[b]).astype(np.int64),
            "score": near["score"].to_numpy(),
        }
    )


def _described(pairs: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """With each image's path, split and label; leaks first, then by score."""
    for side in "ab":
        of_image = images[["path", "split", "label", "split_rank"]].add_suffix(f"_{side}")
        pairs = pairs.join(of_image, on=f"image_id_{side}", validate="m:1")
    crosses = pairs["split_rank_a"] != pairs["split_rank_b"]
    labelled = pairs["label_a"].notna() & pairs["label_b"].notna()
    contradicts = labelled & (pairs["label_a"].astype(str) != pairs["label_b"].astype(str))
    pairs = pairs.assign(crosses_splits=crosses, is_contradicting=contradicts)
    pairs = pairs[~contradicts | (pairs["score"] >= MIN_SCORE_IF_LABELS_DIFFER)]
    order = ["crosses_splits", "score", "image_id_a", "image_id_b"]
    pairs = pairs.sort_values(order, ascending=[False, False, True, True], ignore_index=True)
    return pairs[
        [f"{name}_{side}" for name in ("path", "split", "label") for side in "ab"]
        + ["kind", "change", "hamming_distance", "score", "is_contradicting", "image_id_a", "image_id_b"]
    ]


def leaks_of(pairs: pd.DataFrame, first: pd.Series, images: pd.DataFrame) -> pd.DataFrame:
    """The images with a copy in an earlier split, with the best of these copies.

    An exact copy has all the copies of the image that stands for it.
    """
    columns = ["image_id_a", "image_id_b", "change", "score"]
    there, back = (
        pairs[columns],
        pairs[columns].rename(columns={"image_id_a": "image_id_b", "image_id_b": "image_id_a"}),
    )
    twins = pd.concat([there, back], ignore_index=True).rename(columns={"image_id_b": "twin"})
    members = pd.DataFrame({"image_id_a": first.to_numpy(), "image_id": first.index})
    inherited = twins.merge(members, on="image_id_a")
    twins = pd.concat([inherited, twins.assign(image_id=twins["image_id_a"])], ignore_index=True)
    twins = twins.assign(
        split=images["split_rank"].loc[twins["image_id"]].to_numpy(),
        twin_split=images["split_rank"].loc[twins["twin"]].to_numpy(),
    )
    twins = twins[twins["twin_split"] < twins["split"]]
    twins = twins.sort_values(["twin_split", "score"], ascending=[True, False], kind="stable")
    best = twins.drop_duplicates("image_id", ignore_index=True)
    return best.assign(twin_path=images["path"].loc[best["twin"]].to_numpy()).drop(columns="image_id_a")


def _groups(pairs: pd.DataFrame, first: pd.Series, images: pd.DataFrame) -> pd.DataFrame:
    from analysis.scrub.duplicate_groups import star_groups

    near = pairs[pairs["kind"] == "near"]
    centre_of = star_groups(zip(near["image_id_a"], near["image_id_b"], near["score"], strict=True))
    copied = set(first[first != first.index])
    centre_of |= {image: image for image in copied - set(centre_of)}
    members = first[first.isin(centre_of)]
    groups = pd.DataFrame({"image_id": members.index, "centre_id": members.map(centre_of).to_numpy()})
    groups = groups.join(images[["path", "label", "split"]], on="image_id")
    groups = groups.assign(is_centre=groups["image_id"] == groups["centre_id"])
    groups = groups.assign(n_images=groups.groupby("centre_id")["image_id"].transform("size"))
    order = ["n_images", "centre_id", "is_centre", "image_id"]
    groups = groups.sort_values(order, ascending=[False, True, False, True], ignore_index=True)
    return groups.assign(group=pd.factorize(groups["centre_id"])[0])[
        ["group", "n_images", "is_centre", "image_id", "path", "label", "split"]
    ]


def _metrics(
    images: pd.DataFrame, pairs: pd.DataFrame, groups: pd.DataFrame, leaks: pd.DataFrame
) -> dict[str, float]:
    within_test = (pairs["split_a"] == "test") & (pairs["split_b"] == "test")
    metrics = {
        "n_exact_pairs": int((pairs["kind"] == "exact").sum()),
        "n_near_pairs": int((pairs["kind"] == "near").sum()),
        "n_contradicting_pairs": int(pairs["is_contradicting"].sum()),
        "n_groups": int(groups["group"].nunique()),
        "n_images_with_copies": len(groups),
        "n_pairs_within_test": int(within_test.sum()),
    }
    for rank, split in enumerate(SPLITS[1:], start=1):
        n_leaked = int((leaks["split"] == rank).sum())
        n = int((images["split_rank"] == rank).sum())
        metrics[f"n_{split}_images_leaked"] = n_leaked
        metrics[f"{split}_leaked_fraction"] = n_leaked / n if n else float("nan")
    return metrics


def _summary(images: pd.DataFrame, pairs: pd.DataFrame, leaks: pd.DataFrame) -> str:
    n_exact = int((pairs["kind"] == "exact").sum())
    return (
        f"{len(images):,} images, {n_exact:,} exact and {len(pairs) - n_exact:,} near copies, "
        f"{len(leaks):,} images leaked"
    )


def _findings(pairs: pd.DataFrame, leaks: pd.DataFrame) -> pd.DataFrame:
    detail = [
        f"{row.change}: {row.twin_path} ({SPLITS[row.twin_split]})" for row in leaks.itertuples(index=False)
    ]
    found = [findings_of(LEAKED, image_id=leaks["image_id"], score=leaks["score"], detail=detail)]
    contradicting = pairs[pairs["is_contradicting"]]
    for side, other in ("ab", "ba"):
        found.append(
            findings_of(
                CONTRADICTING,
                image_id=contradicting[f"image_id_{side}"],
                score=contradicting["score"],
                detail=_said_of(contradicting, side, other),
            )
        )
    for kind, name in ((EXACT, "exact"), (NEAR, "near")):
        rows = pairs[(pairs["kind"] == name) & ~pairs["image_id_b"].isin(leaks["image_id"])]
        rows = rows.drop_duplicates("image_id_b")  # the pairs stand best first
        found.append(
            findings_of(
                kind, image_id=rows["image_id_b"], score=rows["score"], detail=_said_of(rows, "b", "a")
            )
        )
    return pd.concat(found, ignore_index=True)


def _said_of(pairs: pd.DataFrame, side: str, other: str) -> list[str]:
    columns = ["change", f"label_{side}", f"path_{other}", f"label_{other}"]
    return [
        f"{change}: labelled {label}; {path} is labelled {other_label}"
        if str(label) != str(other_label)
        else f"{change}: {path}"
        for change, label, path, other_label in pairs[columns].itertuples(index=False)
    ]


def _notes(manifest: pd.DataFrame, images: pd.DataFrame) -> list[str]:
    notes = []
    n_unread = len(manifest) - len(images)
    if n_unread:
        notes.append(f"{n_unread:,} images could not be read and were compared with none.")
    n_small = int((images[["width_px", "height_px"]].min(axis=1) < MIN_SIDE_PX).sum())
    if n_small:
        notes.append(
            f"{n_small:,} images have a side of less than {MIN_SIDE_PX} pixels: too little to tell near "
            "copies from look-alikes, so among them only exact copies were looked for."
        )
    if images["split_rank"].nunique() < 2:
        notes.append("All images are in one split, so nothing can leak from one into another.")
    return notes


if __name__ == "__main__":
    run_stage(data_quality)
