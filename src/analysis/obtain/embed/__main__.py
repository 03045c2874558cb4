from analysis.obtain.embed.stage import embed
from analysis.pipeline.runner import run_stage

run_stage(embed)
