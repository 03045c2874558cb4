from analysis.explore.split_comparison.stage import split_comparison
from analysis.pipeline.runner import run_stage

run_stage(split_comparison)
