"""What holds of any dataset: files, labels, splits, copies, decisions; knows no network.

Every chapter and `models` may use it. What one stage alone needs of it belongs to that stage's folder.
"""
