from analysis.interpret.evaluate.stage import evaluate
from analysis.pipeline.runner import run_stage

run_stage(evaluate)
