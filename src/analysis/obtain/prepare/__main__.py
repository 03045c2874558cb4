from analysis.obtain.prepare.stage import prepare
from analysis.pipeline.runner import run_stage

run_stage(prepare)
