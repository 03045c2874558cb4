from analysis.pipeline.runner import run_stage
from analysis.scrub.interpolation.stage import interpolation

run_stage(interpolation)
