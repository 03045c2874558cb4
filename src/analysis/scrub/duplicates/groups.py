"""Which images belong together: copies around one centre."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd


def tabulate_groups(pairs: pd.DataFrame, first: pd.Series, images: pd.DataFrame) -> pd.DataFrame:
    near = pairs[pairs["kind"] == "near"]
    centre_of = star_groups(zip(near["item_id_a"], near["item_id_b"], near["score"], strict=True))
    copied = set(first[first != first.index])
    centre_of |= {image: image for image in copied - set(centre_of)}
    members = first[first.isin(centre_of)]
    groups = pd.DataFrame({"item_id": members.index, "centre_id": members.map(centre_of).to_numpy()})
    groups = groups.join(images[["path", "label", "split"]], on="item_id")
    groups = groups.assign(is_centre=groups["item_id"] == groups["centre_id"])
    groups = groups.assign(n_images=groups.groupby("centre_id")["item_id"].transform("size"))
    order = ["n_images", "centre_id", "is_centre", "item_id"]
    groups = groups.sort_values(order, ascending=[False, True, False, True], ignore_index=True)
    return groups.assign(group=pd.factorize(groups["centre_id"])[0])[
        ["group", "n_images", "is_centre", "item_id", "path", "label", "split"]
    ]


def star_groups(pairs: Iterable[tuple[int, int, float]]) -> dict[int, int]:
    """Each image's group, named by its centre: every member is a copy of the centre itself.

    The image with the most similar copies becomes a centre and takes those not taken yet, and so on (star
    clustering: Aslam, Pelekhov & Rus 2004). Connected components would chain: where a resembles b and b
    resembles c, the ends need have nothing in common. Ties go to the lower number.
    """
    neighbours: dict[int, dict[int, float]] = {}
    for one, other, score in pairs:
        neighbours.setdefault(one, {})[other] = score
        neighbours.setdefault(other, {})[one] = score
    centre_of: dict[int, int] = {}
    for image in sorted(neighbours, key=lambda image: (-sum(neighbours[image].values()), image)):
        if image in centre_of:
            continue
        free = [other for other in neighbours[image] if other not in centre_of]
        if free:
            centre_of |= dict.fromkeys([image, *free], image)
    return centre_of
