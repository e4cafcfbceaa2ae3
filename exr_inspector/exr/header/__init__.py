"""Headers: attributes, their values, and the parts they describe."""
