"""What is usual in a dataset, as far as its own images tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

MIN_LOG_SPREAD = 0.1  # where most images are one, a tenth more or less is still usual


def lowest_usual(values: pd.Series, *, false_share: float) -> float:
    """The value below which of so many images at most `false_share` are expected to be usual ones.

    The usual ones are taken for log-normal: their middle is the median, their spread the median distance of
    those below it, over 0.6745, so that up to a quarter of the images may be faulty without hiding themselves.
    Which are too low is decided after Benjamini and Hochberg (1995): the more of them there are, the nearer to
    the middle the limit may lie; where there are none, it is what one image of all has by chance once in
    1 / `false_share` datasets. A mixture of kinds has a wide spread, and so a low limit.
    """
    logs = np.log(values.dropna().clip(lower=np.finfo(float).tiny).to_numpy(float))
    middle = np.median(logs)
    distances = middle - logs[logs < middle]
    spread = max(MIN_LOG_SPREAD, np.median(distances) / norm.ppf(0.75)) if len(distances) else MIN_LOG_SPREAD
    chances = np.sort(norm.cdf((logs - middle) / spread))
    allowed = false_share * np.arange(1, len(logs) + 1) / len(logs)
    passed = np.flatnonzero(chances <= allowed)
    allowance = allowed[passed[-1]] if len(passed) else allowed[0]
    return float(np.exp(middle + spread * norm.ppf(allowance)))
