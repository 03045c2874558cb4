from analysis.contract import StageParameters


class MeasureParameters(StageParameters):
    at_least: int
