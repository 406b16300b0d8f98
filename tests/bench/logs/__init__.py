"""Log templates and log anomalies measured on labelled lines; labels are read for the score only."""
