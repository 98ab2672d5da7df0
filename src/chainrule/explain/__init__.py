"""What a step did and where each number comes from."""
