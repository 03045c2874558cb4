from analysis.pipeline.runner import run_stage
from analysis.scrub.label_issues.stage import label_issues

run_stage(label_issues)
