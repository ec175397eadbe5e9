"""Files for the evaluation servers of benchmarks. Importing it registers nothing."""
