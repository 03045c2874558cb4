from analysis.explore.geometric.stage import geometric
from analysis.pipeline.runner import run_stage

run_stage(geometric)
