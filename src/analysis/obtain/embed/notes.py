from __future__ import annotations

import pandas as pd


def notes_on(n_not_decoded: int, n_embedded: int, n_fitted: int, input_px: int) -> list[str]:
    if not n_embedded:
        return ["No image could be decoded, so there are no embeddings."]
    notes = []
    if n_not_decoded:
        notes.append(f"{n_not_decoded:,} images could not be decoded and have no embedding.")
    if input_px:
        notes.append(
            f"The network saw images of {input_px}×{input_px} pixels (embed.input_px); of itself it looks at "
            "fewer images larger, at more of them smaller."
        )
    if n_fitted < n_embedded:
        notes.append(
            f"The features were learnt from a random sample of {n_fitted:,} images "
            "(embed.max_fitting_images) and then measured on all."
        )
    return notes


def comparison_note(compared: pd.DataFrame, backbone: str) -> list[str]:
    """Whether the features that were made are the best of those compared, in a sentence."""
    if compared.empty:
        return ["No two classes have images enough to say which features tell them apart best."]
    rows = compared.set_index("features")
    best, made = rows.index[0], rows.loc[backbone]
    others = ", ".join(
        f"{name} {row.accuracy:.1%} right, log loss {row.log_loss:.2f}" for name, row in rows.iterrows()
    )
    advice = "The features made here tell the classes apart best."
    if rows.loc[best, "log_loss_high"] < made["log_loss_low"]:
        advice = f"On this dataset {best} would describe the images better: set embed.backbone to it."
    elif best != backbone:
        advice = f"The difference to {best} may be chance."
    return [
        f"A linear classifier on the features of {int(made['n_images']):,} labelled images, asked about "
        f"those it had not seen: {others}. {advice}"
    ]
