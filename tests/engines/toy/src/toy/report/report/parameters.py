from analysis.contract import StageParameters


class ReportParameters(StageParameters):
    title: str
