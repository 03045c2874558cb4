from analysis.explore.image_stats.stage import image_stats
from analysis.pipeline.runner import run_stage

run_stage(image_stats)
