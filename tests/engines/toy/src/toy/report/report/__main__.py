from analysis.pipeline.runner import run_stage
from toy.report.report.stage import report

run_stage(report)
