"""Numbers alone: intervals, tests, scores. No image, no class names, no axes.

Every chapter, `dataset` and `models` may use it; a statistic comes here once two stages need it.
"""
