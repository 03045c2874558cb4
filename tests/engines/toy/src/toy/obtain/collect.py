"""Which texts are there?"""

from pathlib import Path

import pandas as pd

from analysis.runner import run_stage
from analysis.stage import Artifacts, StageParameters


class DatasetParameters(StageParameters):
    source: str
    path: str
    image_root: str


def collect(dataset: DatasetParameters, copies: Path) -> Artifacts:
    files = sorted(file for file in Path(dataset.path).rglob("*.txt") if file.exists())
    texts = [file.read_text(encoding="utf-8").strip() for file in files]
    for number, text in enumerate(texts):
        (copies / f"{number}.txt").write_text(text, encoding="utf-8")
    items = pd.DataFrame({"text": texts})
    return Artifacts(summary=f"{len(texts)} texts", metrics={"n_texts": len(texts)}, tables={"items": items})


if __name__ == "__main__":
    run_stage(collect)
