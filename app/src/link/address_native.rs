//! The address of a native window: it has none.

/// Empty: only the query part of an address applies.
pub fn page_address() -> String {
    String::new()
}
