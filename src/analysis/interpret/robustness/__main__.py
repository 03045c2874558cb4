from analysis.interpret.robustness.stage import robustness
from analysis.pipeline.runner import run_stage

run_stage(robustness)
