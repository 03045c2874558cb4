from analysis.pipeline.runner import run_stage
from analysis.scrub.label_probabilities.stage import label_probabilities

run_stage(label_probabilities)
