from analysis.explore.latent_structure.stage import latent_structure
from analysis.pipeline.runner import run_stage

run_stage(latent_structure)
