"""Why does it decide so, where does it fail, how far can it be trusted?

`predict`, `attributions` and `corruption_trials` ask the classifier; `evaluate`, `gradcam` and `robustness`
judge what it said, so that another threshold costs seconds. Modules beside the folders are shared within the
chapter alone.
"""
