from analysis.interpret.corruption_trials.stage import corruption_trials
from analysis.pipeline.runner import run_stage

run_stage(corruption_trials)
