"""Records of runs and their progress, under the names that programs from elsewhere import them by."""
