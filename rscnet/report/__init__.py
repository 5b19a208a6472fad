"""The report: run folders in, one page of tables, interactive plots and pictures out."""
