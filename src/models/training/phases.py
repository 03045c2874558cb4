"""Which parts of a classifier learn, for how many epochs and how fast.

Transfer learning goes in two phases. First the new head learns on a backbone that stays as it is, so that its
random weights do not spoil what was learnt before; then the last stages learn too, the earlier the slower,
as what they know is more general (Howard and Ruder 2018). A network without pretrained weights has one phase.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from torch import nn

from models.networks.classifier import ImageClassifier

PARTS = ("stem", "layer1", "layer2", "layer3", "layer4", "head")  # from image to logits


@dataclass(frozen=True)
class Phase:
    """Some epochs in which the same parts learn.

    Attributes
    ----------
    peak_learning_rates
        By part, one of `PARTS`; a part that is not named is frozen, its batch statistics too.
    """

    name: str
    n_epochs: int
    peak_learning_rates: dict[str, float]


def training_phases(
    untrained: Collection[str],
    *,
    n_epochs: int,
    n_head_epochs: int,
    unfrozen: Sequence[str],
    learning_rate: float,
    layer_decay: float,
) -> list[Phase]:
    """The phases of a training that starts with these parts untrained and all others pretrained.

    Parameters
    ----------
    n_epochs, n_head_epochs
        Of the last phase, and of the one before it, which trains the untrained parts alone.
    unfrozen
        Pretrained parts that learn in the last phase.
    learning_rate, layer_decay
        Peak of the untrained parts; each part before the head has that of the part after it times the decay.
    """
    new = {part: learning_rate for part in PARTS if part in untrained}
    if len(new) == len(PARTS):
        return [Phase("all layers", n_epochs, new)]
    earlier = {
        part: learning_rate * layer_decay ** (len(PARTS) - 1 - PARTS.index(part))
        for part in PARTS
        if part in unfrozen and part not in untrained
    }
    phases = [Phase(" and ".join(new), n_head_epochs, new), Phase("fine-tuning", n_epochs, earlier | new)]
    return [phase for phase in phases if phase.n_epochs]


def freeze_all_but(classifier: ImageClassifier, learning: Collection[str]) -> None:
    """Set which parts learn; the others keep their weights, and their batch statistics too."""
    for name, modules in classifier.parts().items():
        for module in modules:
            module.train(name in learning).requires_grad_(name in learning)


def parameter_groups(classifier: ImageClassifier, peak_learning_rates: dict[str, float]) -> list[dict]:
    """As torch's optimisers take them: one group a part that learns."""
    parts: dict[str, list[nn.Module]] = classifier.parts()
    return [
        {"params": [weights for module in parts[name] for weights in module.parameters()], "lr": rate}
        for name, rate in peak_learning_rates.items()
    ]
