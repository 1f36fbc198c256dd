"""Tell what a build is doing."""
