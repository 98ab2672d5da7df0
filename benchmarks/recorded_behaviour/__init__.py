"""The parts of the behaviour record: tables by the command line, networks in Python, scikit-learn's estimators."""
