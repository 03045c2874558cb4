"""What people have decided about findings: `decisions.csv`, in git beside `params.yaml`.

A row says of one image (or class), of one kind of finding or of all, what is to be done: `ignore` (the
finding is wrong or does not matter here), `keep` (it is right, and the image stays), `relabel` or `drop`. A
finding that has been decided is not reported again. docs/cleaning.md tells how the file is written and used.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.contract import InputError, nearest
from analysis.dataset.root import below_root
from analysis.dataset.spreadsheet_cells import escape_formulas, unescape_formula

DECISIONS_FILE = Path("decisions.csv")
COLUMNS = ["content_hash", "path", "kind", "decision", "label", "reason"]
CHANGES_OF_DATA = ("relabel", "drop")
DECISIONS = ("ignore", "keep", *CHANGES_OF_DATA)
CONTENT_HASH = re.compile(r"[0-9a-f]{32}")
DELIMITERS = (
    ",;\t"  # spreadsheets write the second where the comma is a decimal one, the third when copied from
)
N_PROBLEMS_SHOWN = 5


@dataclass(frozen=True)
class Located:
    """Decisions, held against a dataset.

    Attributes
    ----------
    rows
        One row per image or class that is decided on: `item_id` (null for a class), `class_label` ("" for an
        image), `kind` ("" for all kinds), `decision`, `new_label` ("" unless it relabels), `reason`, `line`.
    unmatched
        Lines of the file that fit no image.
    ambiguous
        Lines that fit several copies of one content, and the path does not tell which is meant.
    """

    rows: pd.DataFrame
    unmatched: list[int]
    ambiguous: list[int]


# ---- reading ---------------------------------------------------------------------------------------------


def read_decisions(path: Path) -> pd.DataFrame:
    """`COLUMNS` as text, "" where blank, and `line`, the number of the row's (last) line in the file.

    Reads what spreadsheets write: a byte order mark, semicolons or tabs between cells, apostrophes before
    what would be a formula. Further columns and blank rows are passed over.

    Raises
    ------
    InputError
        Naming each line that cannot be understood, and how to mend it.
    """
    text = _text_of(path)
    header, delimiter = _header(text)
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise InputError(
            f"{path} lacks the columns {', '.join(missing)}: its first line should be {','.join(COLUMNS)}."
        )
    problems: list[str] = []
    rows = []
    for line, texts in list(_cells(text, delimiter, path))[1:]:
        if len(texts) > len(header):
            problems.append(
                f"line {line} has {len(texts)} cells where the header has {len(header)}: put double quotes "
                "around a text with commas"
            )
            continue
        row = dict.fromkeys(COLUMNS, "") | dict(zip(header, texts, strict=False))
        if any(row[name].strip() for name in COLUMNS):
            row |= {name: row[name].strip().lower() for name in ("content_hash", "kind", "decision")}
            row |= {name: unescape_formula(row[name]) for name in ("path", "label", "reason")}
            rows.append([row[name] for name in COLUMNS] + [line])
            problems += [f"line {line} {problem}" for problem in _problems(row)]
    _raise(problems, path)
    return pd.DataFrame(rows, columns=[*COLUMNS, "line"]).astype(
        {**dict.fromkeys(COLUMNS, "object"), "line": int}
    )


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there: make it with the line {','.join(COLUMNS)}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: save it as 'CSV UTF-8' in your spreadsheet.") from error


def _header(text: str) -> tuple[list[str], str]:
    """The names of the columns, and what stands between cells."""
    line = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    return [name.strip().casefold() for name in names], delimiter


def _cells(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row, from the header on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}. See to its double quotes.") from error


def _problems(row: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with a row in itself."""
    decision, is_of_image = row["decision"], bool(row["content_hash"] or row["path"])
    if decision not in DECISIONS:
        yield f"has the decision '{decision}'{nearest(decision, list(DECISIONS))}"
    elif not is_of_image and not row["label"]:
        yield "names neither an image (content_hash or path) nor a class (label)"
    elif not is_of_image and decision in CHANGES_OF_DATA:
        other_name = "; to give a class another name, set dataset.rename_labels" * (decision == "relabel")
        yield (
            f"would {decision} the class '{row['label']}': findings about a class can be ignored or kept"
            f"{other_name}"
        )
    elif not is_of_image and not row["kind"]:
        yield f"does not say which kind of finding about the class '{row['label']}' it decides on"
    elif decision == "relabel" and not row["label"]:
        yield "relabels an image but names no label"
    if row["content_hash"] and not CONTENT_HASH.fullmatch(row["content_hash"]):
        yield (
            f"has the content_hash '{row['content_hash']}', which is not 32 hexadecimal digits: take it from "
            "the report's findings.csv, or leave it blank and give the path"
        )


def _raise(problems: Sequence[str], path: Path) -> None:
    if problems:
        more = len(problems) - N_PROBLEMS_SHOWN
        named = "; ".join(problems[:N_PROBLEMS_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        raise InputError(f"{path}: {named}.")


def check_kinds(decisions: pd.DataFrame, kinds: Collection[str]) -> None:
    """Raise an `InputError` if a row decides on a kind of finding that no stage makes."""
    named = decisions[decisions["kind"].ne("")]
    unknown = named[~named["kind"].isin(kinds)]
    _raise(
        [
            f"line {row.line} decides on the kind '{row.kind}'{nearest(row.kind, list(kinds))}; leave it "
            "blank for all kinds"
            for row in unknown.itertuples()
        ],
        DECISIONS_FILE,
    )


def take_over(offered: Path, own: Path) -> int:
    """Append the decisions of one file, such as the report exports, to another, but for those that it has.

    Returns
    -------
    How many were appended.
    """
    known = read_decisions(own)[COLUMNS]
    new = read_decisions(offered)[COLUMNS].drop_duplicates()
    new = new[~new.apply(tuple, axis=1).isin(set(known.itertuples(index=False, name=None)))]
    text = own.read_text(encoding="utf-8-sig")
    header, delimiter = _header(text)
    rows = new.apply(escape_formulas).reindex(columns=header, fill_value="")
    with own.open("a", encoding="utf-8", newline="") as file:
        file.write("" if text.endswith("\n") else "\n")
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows.to_numpy())
    return len(new)


# ---- which images are meant ------------------------------------------------------------------------------


def locate(decisions: pd.DataFrame, manifest: pd.DataFrame, *, root: str) -> Located:
    """Find the images that decisions are about, whatever they are called by now.

    The content hash decides. Of several copies of one content the one is meant whose path ends most like the
    row's (all of them if the row gives no path); where there is no hash, the path decides, from the dataset's
    `root` or as the manifest has it.

    Raises
    ------
    InputError
        If a new label is not one of the dataset's, or rows contradict each other.
    """
    _check_labels(decisions, list(manifest["label"].cat.categories))
    of_hash = _ids_by(manifest, "content_hash", decisions)
    below = manifest.assign(path=below_root(manifest["path"], root))
    of_path = _ids_by(below, "path", decisions) | _ids_by(manifest, "path", decisions)
    paths, ranks = manifest["path"].to_numpy(), manifest["split"].cat.codes.to_numpy()
    parts, unmatched, ambiguous = [], [], []
    for row in decisions.itertuples(index=False):
        is_relabel = row.decision == "relabel"
        said = (row.kind, row.decision, row.label if is_relabel else "", row.reason, row.line)
        if not row.content_hash and not row.path:
            parts.append((pd.NA, row.label, *said))
            continue
        candidates = of_hash.get(row.content_hash, []) if row.content_hash else of_path.get(row.path, [])
        meant = _closest(candidates, row.path, paths)
        if row.decision == "drop" and row.path and len(meant) > 1:
            # one file listed several times: as everywhere, what is judged on stays
            meant.remove(max(meant, key=lambda image: (ranks[image], -image)))
        if not meant:
            (ambiguous if candidates else unmatched).append(row.line)
        parts += [(image, "", *said) for image in meant]
    columns = ["item_id", "class_label", "kind", "decision", "new_label", "reason", "line"]
    rows = pd.DataFrame(parts, columns=columns).astype({"item_id": "Int64"})
    _check_agreement(rows)
    return Located(rows, unmatched, ambiguous)


def _check_labels(decisions: pd.DataFrame, classes: list[str]) -> None:
    relabelled = decisions[decisions["decision"].eq("relabel") & ~decisions["label"].isin(classes)]
    _raise(
        [
            f"line {row.line} relabels to '{row.label}', which is no class of the dataset"
            f"{nearest(row.label, classes)}"
            for row in relabelled.itertuples()
        ],
        DECISIONS_FILE,
    )


def _ids_by(manifest: pd.DataFrame, column: str, decisions: pd.DataFrame) -> dict[str, list[int]]:
    named = manifest[manifest[column].isin(set(decisions[column]) - {""})]
    return named.groupby(column)["item_id"].agg(list).to_dict()


def _closest(candidates: Sequence[int], path: str, paths: np.ndarray) -> list[int]:
    """Those of several copies that the path means: none if it fits several files equally well."""
    if len(candidates) < 2 or not path:
        return list(candidates)
    tails = [_n_shared_at_end(paths[image], path) for image in candidates]
    best = [image for image, tail in zip(candidates, tails, strict=True) if tail == max(tails)]
    return best if len({paths[image] for image in best}) == 1 else []


def _n_shared_at_end(first: str, second: str) -> int:
    """In how many of their last folders and names two paths agree."""
    n = 0
    for a, b in zip(reversed(first.split("/")), reversed(second.split("/")), strict=False):
        if a != b:
            break
        n += 1
    return n


def _check_agreement(rows: pd.DataFrame) -> None:
    subject = rows["item_id"].astype("string").fillna("class " + rows["class_label"])
    one = rows.assign(subject=subject)
    pairs = one.merge(one, on="subject", suffixes=("", "_b"))
    pairs = pairs[pairs["line"] < pairs["line_b"]]
    differ = (pairs["decision"] != pairs["decision_b"]) | (pairs["new_label"] != pairs["new_label_b"])
    overlap = (pairs["kind"] == pairs["kind_b"]) | (pairs["kind"] == "") | (pairs["kind_b"] == "")
    both_change = pairs["decision"].isin(CHANGES_OF_DATA) & pairs["decision_b"].isin(CHANGES_OF_DATA)
    contradicting = pairs[differ & (overlap | both_change)].drop_duplicates(["line", "line_b"])
    _raise(
        [
            f"lines {row.line} and {row.line_b} contradict each other ({_said(row.decision, row.new_label)}, "
            f"{_said(row.decision_b, row.new_label_b)}): delete one"
            for row in contradicting.itertuples()
        ],
        DECISIONS_FILE,
    )


def _said(decision: str, new_label: str) -> str:
    return f"{decision} to '{new_label}'" if new_label else decision


# ---- which findings are decided --------------------------------------------------------------------------


def decide(findings: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The findings with what was decided of each: `decision` and `reason`, "" where it is open.

    A decision without a kind, and one that drops the image, settles all findings about the image.
    """
    of_image = rows[rows["item_id"].notna()]
    of_class = rows[rows["item_id"].isna()]
    settles_all = of_image["kind"].eq("") | of_image["decision"].eq("drop")
    answers = {
        **_answers(of_image[settles_all], ["item_id"]),
        **_answers(of_image, ["item_id", "kind"]),
        **_answers(of_class, ["class_label", "kind"]),
    }
    found = []
    for item_id, label, kind in findings[["item_id", "label", "kind"]].itertuples(index=False):
        subject = label if pd.isna(item_id) else int(item_id)
        found.append(answers.get((subject, kind)) or answers.get((subject,)) or ("", ""))
    return findings.assign(
        decision=pd.array([decision for decision, _ in found], dtype="string"),
        reason=pd.array([reason for _, reason in found], dtype="string"),
    )


def _answers(rows: pd.DataFrame, keys: list[str]) -> dict[tuple, tuple[str, str]]:
    return {
        key: (decision, reason)
        for key, decision, reason in zip(
            rows[keys].itertuples(index=False, name=None), rows["decision"], rows["reason"], strict=True
        )
    }
