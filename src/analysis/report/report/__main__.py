from analysis.pipeline.runner import run_stage
from analysis.report.report.stage import report

run_stage(report)
