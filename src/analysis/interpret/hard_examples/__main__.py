from analysis.interpret.hard_examples.stage import hard_examples
from analysis.pipeline.runner import run_stage

run_stage(hard_examples)
