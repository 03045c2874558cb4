from analysis.model.train_recipe.stage import train_recipe
from analysis.pipeline.runner import run_stage

run_stage(train_recipe)
