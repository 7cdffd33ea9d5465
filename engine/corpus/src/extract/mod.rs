//! Prose from what is not plain text: web pages and wikitext.
