from analysis.pipeline.runner import run_stage
from analysis.scrub.self_test.stage import self_test

run_stage(self_test)
