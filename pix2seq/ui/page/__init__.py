"""The page's frame: header, theme, the assembly of tabs, scripts and styles. It knows all rooms."""
