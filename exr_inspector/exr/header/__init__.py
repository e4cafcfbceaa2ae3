"""Headers: attributes, their values, and the parts that they describe."""
