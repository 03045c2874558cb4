from analysis.interpret.robustness_deepdive.stage import robustness_deepdive
from analysis.pipeline.runner import run_stage

run_stage(robustness_deepdive)
