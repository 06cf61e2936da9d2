"""The comparison of several languages as a page, as Markdown and for machines."""
