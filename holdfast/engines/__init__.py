"""What differs between backends, small: databases, large blobs, hints between processes."""
