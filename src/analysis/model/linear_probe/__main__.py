from analysis.model.linear_probe.stage import linear_probe
from analysis.pipeline.runner import run_stage

run_stage(linear_probe)
