"""Figures alone: style, axes of classes, pictures. What is drawn, each stage's own `figures` know.

Every chapter and room may use it.
"""
