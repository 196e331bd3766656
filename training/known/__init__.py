"""What Epochal knows by name: recipes with their measured results, and data sets. Torch-free."""
