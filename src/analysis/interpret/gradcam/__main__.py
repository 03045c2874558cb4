from analysis.interpret.gradcam.stage import gradcam
from analysis.pipeline.runner import run_stage

run_stage(gradcam)
