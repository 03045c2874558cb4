from analysis.pipeline.runner import run_stage
from analysis.scrub.quality_checks.stage import quality_checks

run_stage(quality_checks)
