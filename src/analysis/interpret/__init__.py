"""Why does it decide so, where does it fail, how far can it be trusted?

`predict`, `attributions`, `corruption_trials` and `attack_trials` ask the classifier; the other stages judge
what it said, so that another threshold costs seconds. `retrain_on_hard` trains again, if that is asked for.
Modules beside the folders are shared within the chapter alone.
"""
