from analysis.interpret.predict.stage import predict
from analysis.pipeline.runner import run_stage

run_stage(predict)
