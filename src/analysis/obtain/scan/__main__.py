from analysis.obtain.scan.stage import scan
from analysis.pipeline.runner import run_stage

run_stage(scan)
