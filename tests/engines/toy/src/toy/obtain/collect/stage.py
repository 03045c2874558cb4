from pathlib import Path

import pandas as pd

from analysis.contract import Artifacts
from toy.obtain.collect.parameters import DatasetParameters


def collect(dataset: DatasetParameters, copies: Path) -> Artifacts:
    files = sorted(file for file in Path(dataset.path).rglob("*.txt") if file.exists())
    texts = [file.read_text(encoding="utf-8").strip() for file in files]
    for number, text in enumerate(texts):
        (copies / f"{number}.txt").write_text(text, encoding="utf-8")
    items = pd.DataFrame({"text": texts})
    return Artifacts(summary=f"{len(texts)} texts", metrics={"n_texts": len(texts)}, tables={"items": items})
