"""What runs say: reads folders of results, analyses and compares them."""
