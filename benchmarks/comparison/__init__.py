"""What `compare_methods` is made of: methods, planned runs, carrying them out, reading their logs, tables, figure."""
