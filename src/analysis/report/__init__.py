"""What should a person do first?

One stage, `report`, makes the site from what all others wrote. It knows none of them: what a stage says
stands in its own `section.json` and `findings.parquet`.
"""
