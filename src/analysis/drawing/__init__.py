"""Figures alone: style, axes of classes, pictures."""
