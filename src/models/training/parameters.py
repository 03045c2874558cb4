from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from analysis.contract import Device, StageParameters
from models.augmentation.parameters import AugmentationParameters

Part = Literal["stem", "layer1", "layer2", "layer3", "layer4"]


class TrainerParameters(StageParameters):
    """What computes, and in which precision."""

    devices: Annotated[int, Field(ge=1)]
    num_nodes: Annotated[int, Field(ge=1)]
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"]
    compile: bool


class TrainingParameters(StageParameters):
    """How a network is trained; see section `baseline_resnet` of params.yaml."""

    architecture: Literal["auto", "efficientnet_lite0", "resnet18", "resnet34", "resnet50"]
    weights: Annotated[str, Field(pattern=r"^(auto|scratch|imagenet|file|https://.+)$")]
    weights_file: Annotated[str, Field(min_length=1)]
    input_px: Literal["auto"] | Annotated[int, Field(ge=8, le=1024)]
    interpolation: Literal["auto", "nearest", "bilinear", "area", "bicubic", "lanczos"]
    normalisation: Literal["auto", "dataset", "imagenet"]
    keep_resolution: Literal["auto"] | bool
    max_training_images: Annotated[int, Field(ge=2)] | None
    epochs: Literal["auto"] | Annotated[int, Field(ge=1)]
    head_epochs: Annotated[int, Field(ge=0)]
    unfrozen: tuple[Part, ...]
    patience: Annotated[int, Field(ge=1)]
    batch_images: Literal["auto"] | Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]
    layer_decay: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    class_weights: Literal["none", "balanced", "effective_number"]
    augmentation: AugmentationParameters
    device: Device
    trainer: TrainerParameters
    cache_gigabytes: Annotated[float, Field(ge=0)]
