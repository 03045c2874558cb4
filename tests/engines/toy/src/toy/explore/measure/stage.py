import os
import sys
import time
from pathlib import Path

import pandas as pd
from PIL import Image

from analysis.contract import Artifacts, Figure, NothingToJudgeError
from toy.explore.measure.parameters import MeasureParameters


def measure(items: pd.DataFrame, parameters: MeasureParameters) -> Artifacts:
    unit = sys.argv[1]
    Path(f"measuring-{unit}").touch()  # a test waits for this before it kills us
    time.sleep(float(os.environ.get("TOY_SECONDS", "0")))
    counted = items["text"] if unit == "letters" else items["text"].str.replace("[^aeiou]", "", regex=True)
    lengths = pd.DataFrame({"text": items["text"], "n": counted.str.len()})
    lengths = lengths[lengths["n"] >= parameters.at_least]
    if lengths.empty and parameters.at_least >= 1000:
        raise NothingToJudgeError("no text is long enough")
    return Artifacts(
        summary=f"{len(lengths)} long enough",
        metrics={"n_long_enough": len(lengths)},
        tables={"lengths": lengths},
        captions={"lengths": "One row per text_ of *any* length."},
        figures=[Figure("square", "Square", "A `black` square_.", _Square())],
    )


class _Square:
    """Stands for a drawing, so that the toy need not import matplotlib."""

    def savefig(self, path: Path, metadata: object) -> None:
        Image.new("L", (8, 8)).save(path)
