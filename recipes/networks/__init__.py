"""Networks the recipes train, one file each."""
