"""What data say about parameters, and parameters about results: calibration, posterior, sensitivity, attribution."""
