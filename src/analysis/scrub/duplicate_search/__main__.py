from analysis.pipeline.runner import run_stage
from analysis.scrub.duplicate_search.stage import duplicate_search

run_stage(duplicate_search)
