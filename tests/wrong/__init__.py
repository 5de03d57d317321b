"""Wrong implementations that the suite must catch, each beside the pristine reference."""
