"""Numbers alone: intervals, tests, scores."""
