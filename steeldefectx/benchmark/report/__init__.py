"""The report: from result lines to tables, figures, a page and a Markdown file."""
