"""What a run leaves behind, and how it is kept honest: its folder, executed notebooks, manifest, report, sign-off."""
