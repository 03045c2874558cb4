"""The pages of the report: what each of them shows."""
