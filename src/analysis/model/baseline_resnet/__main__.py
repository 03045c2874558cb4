from analysis.model.baseline_resnet.stage import baseline_resnet
from analysis.pipeline.runner import run_stage

run_stage(baseline_resnet)
