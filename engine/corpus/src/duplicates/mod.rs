//! Duplicates: whole documents, near copies, paragraphs, and overlap with what models are measured on.
