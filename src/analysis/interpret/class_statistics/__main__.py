from analysis.interpret.class_statistics.stage import class_statistics
from analysis.pipeline.runner import run_stage

run_stage(class_statistics)
