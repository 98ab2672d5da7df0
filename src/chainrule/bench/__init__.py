"""The stopwatch: training and prediction beside other libraries, taken in turns on the machine at hand."""
