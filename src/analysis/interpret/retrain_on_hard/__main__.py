from analysis.interpret.retrain_on_hard.stage import retrain_on_hard
from analysis.pipeline.runner import run_stage

run_stage(retrain_on_hard)
