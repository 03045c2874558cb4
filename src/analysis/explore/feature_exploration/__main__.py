from analysis.explore.feature_exploration.stage import feature_exploration
from analysis.pipeline.runner import run_stage

run_stage(feature_exploration)
