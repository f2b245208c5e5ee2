"""How large the numbers may be that models learn from and are asked with."""

MOST_EXACT = 2**53
"""Up to here, a float64 holds every whole number."""
LARGEST = 1e30
"""Libraries compute in float32, which ends at 3.4e38, and not with the number alone, which they scale and weigh."""
