"""What holds of any dataset: files, labels, splits, copies; knows no network."""
