from analysis.explore.latent_layout.stage import latent_layout
from analysis.pipeline.runner import run_stage

run_stage(latent_layout)
