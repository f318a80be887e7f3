"""Each benchmark measures itself in one run and prints one JSON line last: `python -m benchmarks NAME`."""
