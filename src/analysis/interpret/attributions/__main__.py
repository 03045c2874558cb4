from analysis.interpret.attributions.stage import attributions
from analysis.pipeline.runner import run_stage

run_stage(attributions)
