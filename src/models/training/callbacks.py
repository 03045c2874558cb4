"""What is kept and shown while a network is trained."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from dvclive import Live
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from analysis.progress import Progress, progress
from models.data.batches import Batch
from models.training.dynamics import TrainingDynamics
from models.training.module import BEST_BY, ClassifierTraining


class History(Callback):
    """Each epoch's losses and scores, over all phases, and the dynamics of each image."""

    def __init__(self, n_images: int) -> None:
        self.rows: list[dict[str, Any]] = []
        self.dynamics = TrainingDynamics(n_images)
        self.n_epochs_before = 0  # of earlier phases

    def on_train_epoch_start(self, trainer: Trainer, _: LightningModule) -> None:
        trainer.train_dataloader.epoch = self.n_epochs_before + trainer.current_epoch

    def on_train_batch_end(
        self,
        trainer: Trainer,
        module: LightningModule,
        outputs: dict[str, Tensor],
        batch: Batch,
        batch_idx: int,
    ) -> None:
        self.dynamics.record(batch.rows, outputs["logits"], batch.labels)

    def on_train_epoch_end(self, trainer: Trainer, module: ClassifierTraining) -> None:
        self.dynamics.end_epoch(lambda values: trainer.strategy.reduce(values, reduce_op="sum"))
        scores = {name: value.item() for name, value in sorted(trainer.callback_metrics.items())}
        epoch = self.n_epochs_before + trainer.current_epoch + 1
        self.rows.append({"epoch": epoch, "phase": module.phase.name, **scores})
        trainer.should_stop |= not math.isfinite(scores["train/loss"])

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "dynamics": self.dynamics.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows = list(state["rows"])
        self.dynamics.load_state_dict(state["dynamics"])


class Display(Callback):
    """Shows the epochs while they pass: a bar, and DVCLive's curves in `folder`."""

    def __init__(self, history: History, folder: Path, *, n_images: int) -> None:
        self.history = history
        self.folder = folder
        self.n_images = n_images
        self.bar: Progress | None = None
        self.live: Live | None = None

    def on_train_start(self, trainer: Trainer, module: ClassifierTraining) -> None:
        if not trainer.is_global_zero:
            return
        # DVCLive would also save experiments and rewrite dvc.yaml, which the pipeline does itself
        self.live = Live(str(self.folder), save_dvc_exp=False, dvcyaml=None, report=None)
        for row in self.history.rows:
            self._log_row(row)
        self.bar = progress(
            description=f"training ({module.phase.name})",
            unit="images",
            total=trainer.max_epochs * self.n_images,
            n_before=trainer.current_epoch * self.n_images,
        )

    def _log_row(self, row: dict[str, Any]) -> None:
        self.live.step = row["epoch"]
        for name, value in row.items():
            if name not in ("epoch", "phase"):
                self.live.log_metric(name, value)

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        if self.bar is not None:
            self.bar.update(len(batch.labels) * trainer.world_size)

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        if self.bar is None:
            return
        row = self.history.rows[-1]
        self._log_row(row)
        shown = {"macro_f1": row.get(BEST_BY), "loss": row["train/loss"]}
        scores = {name: f"{value:.3f}" for name, value in shown.items() if value is not None}
        self.bar.set_postfix({"epoch": row["epoch"], **scores})

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        self._close()

    def teardown(self, trainer: Trainer, module: LightningModule, stage: str) -> None:
        self._close()

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.live.end()
            self.bar = self.live = None
