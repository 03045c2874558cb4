from analysis.pipeline.runner import run_stage
from analysis.scrub.resampling_losses.stage import resampling_losses

run_stage(resampling_losses)
