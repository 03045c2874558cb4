"""The audit: Obtain, Scrub, Explore, Interpret and Report, and the few modules they share."""
