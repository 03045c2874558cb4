"""What to do about findings that nobody has decided yet: proposals in the form of `decisions.csv`."""

from __future__ import annotations

import pandas as pd

from analysis.dataset.copies import component_of, path_of_copy
from analysis.dataset.decisions import COLUMNS
from analysis.dataset.splits import SPLITS
from analysis.scrub.clean.steps import would_empty
from analysis.scrub.duplicates.findings import CONTRADICTING, EXACT, LEAKED
from analysis.scrub.quality_checks import findings as quality

ANSWERS = ("drop", "relabel", "keep", "ignore")
WITHOUT_PICTURE = {  # kind of finding -> why the image can go; nothing is lost by it
    quality.MISSING_FILE.name: "there is no file",
    quality.EMPTY_FILE.name: "the file is empty",
    quality.UNREADABLE.name: "no picture can be decoded",
    quality.NOT_A_FILE.name: "this is no file",
    quality.SYMLINK_LOOP.name: "the link leads to no file",
}
SPOILT = {  # kind of finding -> why the image should go, although it has a picture
    quality.TRUNCATED.name: "cut short: a part of the picture is filling",
    quality.LOW_INFORMATION.name: "nearly blank: nothing in it supports its label",
}
MILD = "of low severity; look at some before you agree"
UNDECIDED = "a person has to look: the image stays until then"
PROPOSAL_COLUMNS = ["item_id", *COLUMNS]
DROP = {"item_id": "int64", "kind": "object", "reason": "object"}  # also of tables without rows
ANSWER = {**DROP, "decision": "object", "label": "object"}


def propose(
    findings: pd.DataFrame,
    images: pd.DataFrame,
    pairs: pd.DataFrame,
    label_issues: pd.DataFrame,
    *,
    kept: pd.Index,
    splits_are_repaired: bool,
) -> pd.DataFrame:
    """`PROPOSAL_COLUMNS`: what is to be done about each image that a finding which is open concerns.

    Dropped are images without a picture, spoilt ones, exact copies within a split but for one, and of sure
    copies in two splits those in the earlier one. Of what is judged on (the test split, else validation)
    nothing with a picture goes, so that scores before and after are of the same images, and no class loses
    its last image in a split. Probably wrong labels are relabelled, findings of low severity ignored. All
    else is kept until a person has looked.

    Parameters
    ----------
    findings
        Of images, with `decision` and `reason`; "" is open.
    images
        `path`, `content_hash`, `label`, `split`, `is_readable`, `is_dropped`, by `item_id`, after decisions.
    pairs
        Copies: `item_id_a`, `item_id_b`, `kind`, and `is_sure`, whether one may go without anybody looking.
    label_issues
        `item_id`, `label`, `suggested_label`, `self_confidence`, `is_issue`.
    kept
        Ids of images that do not go for the sake of their copies.
    splits_are_repaired
        Whether `images` has splits without leaks. Findings on leaks then need no decision.
    """
    is_open = findings["decision"].eq("") & findings["item_id"].notna()
    is_dropped = findings["item_id"].isin(images.index[images["is_dropped"]])
    unsettled = findings[is_open & ~is_dropped].astype({"item_id": "int64"})
    drops = _drops(unsettled, images, pairs, kept)
    spared = drops[drops["item_id"].isin(would_empty(images, pd.Index(drops["item_id"])))]
    drops = drops.drop(spared.index)
    rest = unsettled[~unsettled["item_id"].isin(drops["item_id"])]
    after = images.assign(is_dropped=images["is_dropped"] | images.index.isin(drops["item_id"]))
    answers = _answers(rest, after, pairs, label_issues, spared, splits_are_repaired=splits_are_repaired)
    drops = drops.assign(decision="drop", label="").astype(ANSWER)
    proposed = pd.concat([drops, answers.astype(ANSWER)], ignore_index=True)
    named = proposed.join(images[["content_hash", "path"]], on="item_id")
    return named.assign(content_hash=named["content_hash"].fillna(""))[PROPOSAL_COLUMNS]


def _drops(
    unsettled: pd.DataFrame, images: pd.DataFrame, pairs: pd.DataFrame, kept: pd.Index
) -> pd.DataFrame:
    """`item_id`, `kind` and `reason` of what should go; the first cause of each image."""
    splits = [split for split in SPLITS if images["split"].eq(split).any()]
    judged = images.index[images["split"].eq(splits[-1])] if len(splits) > 1 else []
    absent = _by_kind(unsettled, WITHOUT_PICTURE)
    spoilt = _by_kind(unsettled[~unsettled["item_id"].isin(judged)], SPOILT)
    left = images.assign(
        is_dropped=images["is_dropped"] | images.index.isin([*absent["item_id"], *spoilt["item_id"]])
    )
    leaking = _leaking(unsettled, left, pairs[pairs["is_sure"]], kept)
    left = left.assign(is_dropped=left["is_dropped"] | left.index.isin(leaking["item_id"]))
    repeated = _repeated(unsettled[~unsettled["item_id"].isin(judged)], left, pairs)
    drops = pd.concat([part.astype(DROP) for part in (absent, spoilt, leaking, repeated)], ignore_index=True)
    return drops.drop_duplicates("item_id", ignore_index=True)


def _by_kind(findings: pd.DataFrame, reasons: dict[str, str]) -> pd.DataFrame:
    rows = findings[findings["kind"].isin(reasons)]
    return rows[["item_id", "kind"]].assign(reason=rows["kind"].map(reasons))


def _leaking(
    unsettled: pd.DataFrame, images: pd.DataFrame, pairs: pd.DataFrame, kept: pd.Index
) -> pd.DataFrame:
    """Images with a copy in a later split, of which a finding says that it leaks."""
    leaked = unsettled.loc[unsettled["kind"].eq(LEAKED.name), "item_id"]
    parts = []
    for split in reversed(SPLITS[1:]):  # a validation image that goes for the test leaks into none any more
        there = images[~images["is_dropped"]]
        earlier = there.index[there["split"].isin(_before(split)) & ~there.index.isin(kept)]
        later = there.index[there["split"].eq(split) & there.index.isin(leaked)]
        found = path_of_copy(earlier, later, images["path"], pairs)
        images = images.assign(is_dropped=images["is_dropped"] | images.index.isin(found.index))
        reason = f"copy in {split}: " + found.astype(str)
        parts.append(pd.DataFrame({"item_id": found.index, "kind": LEAKED.name, "reason": reason.to_numpy()}))
    return pd.concat(parts, ignore_index=True)


def _before(split: str) -> tuple[str, ...]:
    return SPLITS[: SPLITS.index(split)]


def _repeated(unsettled: pd.DataFrame, images: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Exact copies within a split, but for one of each picture. Where labels contradict, a person decides."""
    picture = component_of(pairs[pairs["kind"] == "exact"])
    copies = images.loc[images.index.isin(picture.index) & ~images["is_dropped"], ["path", "split"]]
    copies = copies.assign(picture=picture.loc[copies.index])
    contradicting = unsettled.loc[unsettled["kind"].eq(CONTRADICTING.name), "item_id"]
    repeated = unsettled.loc[unsettled["kind"].eq(EXACT.name), "item_id"]
    copies = copies.assign(may_go=copies.index.isin(repeated) & ~copies.index.isin(contradicting))
    copies = copies.sort_values("may_go", kind="stable")  # what has to stay anyway is the one that is kept
    one = copies.groupby(["picture", "split"], observed=True)
    kept = one["path"].transform("first")
    goes = copies["may_go"] & (one.cumcount() > 0)
    return pd.DataFrame(
        {
            "item_id": copies.index[goes],
            "kind": EXACT.name,
            "reason": "same picture as " + kept[goes].to_numpy(),
        }
    )


def _answers(
    rest: pd.DataFrame,
    images: pd.DataFrame,
    pairs: pd.DataFrame,
    label_issues: pd.DataFrame,
    spared: pd.DataFrame,
    *,
    splits_are_repaired: bool,
) -> pd.DataFrame:
    """A row for each finding about an image that is not proposed to go."""
    answers = rest[["item_id", "kind", "severity"]].assign(label="", decision="keep", reason=UNDECIDED)
    is_mild = answers["severity"].eq("low")
    answers.loc[is_mild, ["decision", "reason"]] = ["ignore", MILD]
    answers = _with_leaks(answers, images, pairs, splits_are_repaired=splits_are_repaired)
    answers = _with_new_labels(answers, rest["stage"].eq("label_issues"), label_issues)
    would_go = answers.merge(spared[["item_id", "kind"]], how="left", indicator=True)["_merge"].eq("both")
    answers.loc[would_go.to_numpy(), "reason"] = "the last image of its class in its split"
    return answers.drop(columns="severity")


def _with_leaks(
    answers: pd.DataFrame, images: pd.DataFrame, pairs: pd.DataFrame, *, splits_are_repaired: bool
) -> pd.DataFrame:
    """A leaked image is settled once no copy is left before it; by repaired splits without a decision."""
    is_leak = answers["kind"].eq(LEAKED.name)
    there = images[~images["is_dropped"]]
    leaked = there.loc[answers.loc[is_leak, "item_id"]]
    still: set[int] = set()
    for split in SPLITS[1:]:
        later = leaked.index[leaked["split"].eq(split)]
        earlier = there.index[there["split"].isin(_before(split))]
        still |= set(path_of_copy(later, earlier, images["path"], pairs).index)
    is_mended = is_leak & ~answers["item_id"].isin(still)
    if splits_are_repaired:
        return answers[~is_mended]
    answers.loc[is_mended, "reason"] = "its copies in earlier splits are dropped"
    return answers


def _with_new_labels(
    answers: pd.DataFrame, is_of_label: pd.Series, label_issues: pd.DataFrame
) -> pd.DataFrame:
    """The suggested label, where one is found to be probably wrong; once an image."""
    issues = label_issues[label_issues["is_issue"]].set_index("item_id")
    candidates = answers[is_of_label.reindex(answers.index) & answers["item_id"].isin(issues.index)]
    rows = candidates.drop_duplicates("item_id")
    found = issues.loc[rows["item_id"]]
    differs = (found["suggested_label"].astype(str) != found["label"].astype(str)).to_numpy()
    rows, found = rows[differs], found[differs]
    answers.loc[rows.index, "decision"] = "relabel"
    answers.loc[rows.index, "label"] = found["suggested_label"].astype(str).to_numpy()
    answers.loc[rows.index, "reason"] = [
        f"labelled {row.label} with a probability of {row.self_confidence:.2f}; look before you agree"
        for row in found.itertuples()
    ]
    return answers
