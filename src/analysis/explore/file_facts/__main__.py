from analysis.explore.file_facts.stage import file_facts
from analysis.pipeline.runner import run_stage

run_stage(file_facts)
