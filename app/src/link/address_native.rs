//! A window's address: it has none.

/// Nothing: what follows `?` goes behind a page's address.
pub fn page_address() -> String {
    String::new()
}
