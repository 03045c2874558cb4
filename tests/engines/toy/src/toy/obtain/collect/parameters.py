from analysis.contract import StageParameters


class DatasetParameters(StageParameters):
    source: str
    path: str
    image_root: str
