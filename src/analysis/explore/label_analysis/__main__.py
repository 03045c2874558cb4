from analysis.explore.label_analysis.stage import label_analysis
from analysis.pipeline.runner import run_stage

run_stage(label_analysis)
