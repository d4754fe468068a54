"""What every room needs and none owns. Imports nothing else of the package."""
