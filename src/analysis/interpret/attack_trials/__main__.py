from analysis.interpret.attack_trials.stage import attack_trials
from analysis.pipeline.runner import run_stage

run_stage(attack_trials)
