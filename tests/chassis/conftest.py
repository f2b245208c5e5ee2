"""What of this folder is collected here: `library` is run where the library's dependencies are."""

collect_ignore = ["library"]
