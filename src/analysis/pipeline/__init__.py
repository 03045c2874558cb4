"""How stages are declared, fed, run and recorded; knows no image."""
