"""The JSON report's schema, ``report-1.json``: draft 2020-12, one file per version of the report."""
