from analysis.explore.visual_features.stage import visual_features
from analysis.pipeline.runner import run_stage

run_stage(visual_features)
