"""Datasets the recipes train on, one file each."""
