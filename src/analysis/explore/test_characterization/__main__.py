from analysis.explore.test_characterization.stage import test_characterization
from analysis.pipeline.runner import run_stage

run_stage(test_characterization)
