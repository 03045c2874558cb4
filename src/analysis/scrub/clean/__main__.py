from analysis.pipeline.runner import run_stage
from analysis.scrub.clean.stage import clean

run_stage(clean)
