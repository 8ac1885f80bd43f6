"""The way out: links, the one-click request of RFC 8058, and the page for people."""
