"""One HTML page, figures and tables from the folder of a run or a sweep."""
