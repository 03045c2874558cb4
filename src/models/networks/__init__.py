"""Networks: built, loaded, saved."""
