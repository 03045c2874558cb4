from analysis.pipeline.runner import run_stage
from analysis.scrub.duplicates.stage import duplicates

run_stage(duplicates)
