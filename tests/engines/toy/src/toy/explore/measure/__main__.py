from analysis.pipeline.runner import run_stage
from toy.explore.measure.stage import measure

run_stage(measure)
