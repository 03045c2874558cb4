"""How many copies `duplicates` finds, how many of its pairs are right, and how long it takes.

    python benchmarks/duplicates.py DATASET [--listed CSV] [--peers PYTHON] [--planted N] [--hashes N]

DATASET is a folder of images, class folders within split folders or not. Printed are

- the search over all of them: time and memory;
- with `--listed`, a CSV file with the columns `path_a` and `path_b` (relative to DATASET) and perhaps `kind`:
  how many of these pairs, which others have found, it finds;
- recall and precision on planted copies, per change: the self-test's own trial. A pair of a copy with what
  DeepSight reports as a near copy of its original counts neither for nor against;
- with `--peers`, the Python of an environment with imagededup and fastdup: theirs on the same files;
- the search among `--hashes` random hashes by itself.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.dataset.content_hash import content_hash
from analysis.obtain.scan.stage import scan
from analysis.pipeline.parameters import read_parameters
from analysis.scrub.compared_images import compared_images
from analysis.scrub.duplicate_search.candidates import hash_pairs
from analysis.scrub.duplicate_search.parameters import DuplicateSearchParameters
from analysis.scrub.duplicate_search.search import search_copies
from analysis.scrub.duplicates.copies import Copies, copies_among
from analysis.scrub.duplicates.parameters import DuplicatesParameters
from analysis.scrub.self_test.copy_trials import judge_pairs, plant_copies, tabulate_scores
from analysis.scrub.self_test.sample import PlantedSample, draw_sample, with_planted
from analysis.statistics.proportions import wilson_interval

# Each reads a list of files (JSON) and prints pairs of their numbers, as JSON, after a line "pairs".
PEERS = {
    "imagededup": """
import json, sys
from imagededup.methods import PHash
files = json.load(open(sys.argv[1]))
hasher = PHash(verbose=False)
hashes = {str(i): hasher.encode_image(image_file=file) for i, file in enumerate(files)}
found = hasher.find_duplicates(encoding_map=hashes)
print("pairs")
print(json.dumps(sorted({(min(int(a), int(b)), max(int(a), int(b))) for a in found for b in found[a]})))
""",
    "fastdup": """
import json, sys, tempfile
import fastdup
files = json.load(open(sys.argv[1]))
number = {file: i for i, file in enumerate(files)}
work = tempfile.mkdtemp()
run = fastdup.create(input_dir=files, work_dir=work)
run.run(ccthreshold=0.9, threshold=0.9, print_summary=False)
table = run.similarity()
pairs = zip(table["filename_from"], table["filename_to"])
print("pairs")
print(json.dumps(sorted({tuple(sorted((number[a], number[b]))) for a, b in pairs if a != b})))
""",
}


def main() -> None:
    arguments = parse_arguments()
    dataset = read_dataset(arguments.dataset)
    measure_search(dataset, arguments)
    with tempfile.TemporaryDirectory() as folder:
        try_planted(dataset, arguments, Path(folder))
    time_hashes(arguments.hashes)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--listed", type=Path, help="CSV of pairs that others list")
    parser.add_argument("--peers", type=Path, help="Python of an environment with imagededup and fastdup")
    parser.add_argument("--images", type=int, default=20_000, help="among which copies are planted")
    parser.add_argument("--planted", type=int, default=300, help="copies under each change")
    parser.add_argument("--hashes", type=int, default=1_000_000)
    return parser.parse_args()


def read_dataset(folder: Path) -> PlantedSample:
    """All of the folder's JPEG and PNG files, scanned as the pipeline does."""
    paths = sorted(path.as_posix() for path in folder.rglob("*") if path.suffix in (".jpg", ".png"))
    splits = ["test" if "test" in Path(path).relative_to(folder).parts else "train" for path in paths]
    manifest = pd.DataFrame(
        {
            "item_id": np.arange(len(paths)),
            "path": paths,
            "label": pd.Categorical([Path(path).parent.name for path in paths]),
            "split": pd.Categorical(splits, categories=["train", "validation", "test"]),
            "bytes": [Path(path).stat().st_size for path in paths],
            "content_hash": [content_hash(path) for path in paths],
            "status": "ok",
        }
    )
    parts = list(scan(manifest))
    measures = pd.concat([part["scan"] for part in parts], ignore_index=True)
    thumbnails = np.concatenate([part["thumbnails"] for part in parts])
    return PlantedSample(np.arange(len(paths)), manifest, measures, thumbnails)


def copies_in(dataset: PlantedSample) -> Copies:
    """As the stages `duplicate_search` and `duplicates` find them."""
    sections = read_parameters()
    search = DuplicateSearchParameters.model_validate(sections["duplicate_search"])
    judging = DuplicatesParameters.model_validate(sections["duplicates"])
    images = compared_images(dataset.manifest, dataset.scan)
    possible, _ = search_copies(images, dataset.thumbnails, parameters=search, seed=0)
    return copies_among(possible, images, min_score=judging.min_score)


def measure_search(dataset: PlantedSample, arguments: argparse.Namespace) -> None:
    started, worked = time.perf_counter(), time.process_time()
    found = copies_in(dataset)
    seconds, work = time.perf_counter() - started, time.process_time() - worked
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\n{len(dataset):,} images: {len(found.pairs):,} pairs in {seconds:.1f} s ({work:.1f} s of work),")
    print(f"most memory {gigabytes:.2f} GB.")
    if arguments.listed:
        compare_with_listed(found.pairs, pd.read_csv(arguments.listed), arguments.dataset)


def compare_with_listed(pairs: pd.DataFrame, listed: pd.DataFrame, folder: Path) -> None:
    found = {frozenset(ends) for ends in zip(pairs["path_a"], pairs["path_b"], strict=True)}
    ends = zip(listed["path_a"], listed["path_b"], strict=True)
    listed["is_found"] = [
        frozenset(((folder / a).as_posix(), (folder / b).as_posix())) in found for a, b in ends
    ]
    if "kind" not in listed:
        listed["kind"] = "listed"
    print("\n| listed by others | pairs | found |\n|---|---|---|")
    for kind, rows in [*listed.groupby("kind"), ("all", listed)]:
        print(f"| {kind} | {len(rows)} | {rows['is_found'].sum()} ({rows['is_found'].mean():.1%}) |")


def try_planted(dataset: PlantedSample, arguments: argparse.Namespace, folder: Path) -> None:
    rng = np.random.default_rng(1)
    sample = draw_sample(
        dataset.manifest, dataset.scan, dataset.thumbnails, n_images=arguments.images, rng=rng
    )
    planted = plant_copies(sample, folder=folder, n_planted=arguments.planted, rng=rng)
    together = with_planted(sample, planted, to_other_split=True)
    planted = planted.assign(item_id=len(sample) + np.arange(len(planted)))
    own = copies_in(together)
    natural = own.pairs[(own.pairs[["item_id_a", "item_id_b"]] < len(sample)).all(axis=1)]
    results = {"DeepSight": tabulate(own.pairs, planted, natural)}
    if arguments.peers:
        files = folder / "files.json"
        files.write_text(json.dumps(together.manifest["path"].to_list()), encoding="utf-8")
        for name, program in PEERS.items():
            pairs = peer_pairs(arguments.peers, program, files)
            if pairs is not None:
                results[name] = tabulate(pairs, planted, natural)
    print_results(results, n_images=len(sample))
    scores = tabulate_scores(judge_pairs(own.pairs, planted))
    print("\nHow the scores held, of pairs with a planted copy from duplicates.min_score on:\n")
    print(scores[scores["n_pairs"] > 0].to_string(index=False))
    print(f"\nReported of the dataset's own: {int(natural['kind'].eq('near').sum()):,} near pairs.")


def peer_pairs(python: Path, program: str, files: Path) -> pd.DataFrame | None:
    result = subprocess.run([str(python), "-c", program, str(files)], capture_output=True, text=True)
    if result.returncode:
        print(f"\nA peer failed: {result.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    pairs = json.loads(result.stdout.partition("pairs\n")[2])
    return pd.DataFrame(pairs, columns=["item_id_a", "item_id_b"]).assign(kind="near", score=1.0)


def tabulate(pairs: pd.DataFrame, planted: pd.DataFrame, natural: pd.DataFrame) -> pd.DataFrame:
    """Per change `recall`, `precision` and their numbers. What is a natural copy, DeepSight says for all."""
    columns = ["item_id_a", "item_id_b", "kind", "score"]
    with_copies = pairs[pairs[["item_id_a", "item_id_b"]].isin(set(planted["item_id"])).any(axis=1)]
    judged = judge_pairs(pd.concat([natural[columns], with_copies[columns]]), planted)
    rows = {}
    for change, copies in planted.groupby("fault", sort=False):
        own = judged[judged["fault"] == change]
        n_found = own.loc[own["is_direct"], "planted_id"].nunique()
        known = own[~own["is_own"]]
        rows[change] = (len(copies), n_found, len(known), int(known["is_right"].sum()))
    table = pd.DataFrame.from_dict(rows, "index", columns=["n_planted", "n_found", "n_pairs", "n_right"])
    table.loc["all"] = table.sum()
    return table


def print_results(results: dict[str, pd.DataFrame], *, n_images: int) -> None:
    print(f"\nPlanted among {n_images:,} images; recall (95% interval), precision:\n")
    print("| change | n | " + " | ".join(results) + " |\n|---|---|" + "---|" * len(results))
    for change, row in next(iter(results.values())).iterrows():
        cells = [score(table.loc[change]) for table in results.values()]
        print(f"| {change} | {row['n_planted']:,} | " + " | ".join(cells) + " |")


def score(row: pd.Series) -> str:
    low, high = wilson_interval(row["n_found"], row["n_planted"])
    precision = row["n_right"] / row["n_pairs"] if row["n_pairs"] else np.nan
    return f"{row['n_found'] / row['n_planted']:.3f} ({low:.3f} to {high:.3f}), {precision:.3f}"


def time_hashes(n: int) -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, n, dtype=np.uint64)
    n_copies = n // 100
    bit = np.uint64(1) << rng.integers(0, 64, (n_copies, 5), dtype=np.uint64)
    hashes[-n_copies:] = hashes[:n_copies] ^ np.bitwise_xor.reduce(bit, axis=1)
    started = time.perf_counter()
    pairs = hash_pairs(hashes, max_distance=5)
    seconds = time.perf_counter() - started
    expected = set(zip(range(n_copies), range(n - n_copies, n), strict=True))
    recall = len(expected & set(map(tuple, pairs[:, :2].tolist()))) / n_copies
    print(f"\n{n:,} hashes: all pairs within 5 bits in {seconds:.1f} s, recall of planted {recall:.4f}.")


if __name__ == "__main__":
    main()
