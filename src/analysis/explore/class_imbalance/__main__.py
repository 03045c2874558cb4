from analysis.explore.class_imbalance.stage import class_imbalance
from analysis.pipeline.runner import run_stage

run_stage(class_imbalance)
