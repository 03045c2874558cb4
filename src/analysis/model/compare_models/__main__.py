from analysis.model.compare_models.stage import compare_models
from analysis.pipeline.runner import run_stage

run_stage(compare_models)
