from analysis.pipeline.runner import run_stage
from analysis.scrub.data_quality.stage import data_quality

run_stage(data_quality)
