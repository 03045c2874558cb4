from analysis.pipeline.runner import run_stage
from toy.obtain.collect.stage import collect

run_stage(collect)
