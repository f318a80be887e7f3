"""Figures and rows as files: CSV, Excel and Parquet of every table, EV-ChART's modules, OCPI's objects."""
