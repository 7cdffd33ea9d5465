//! The address of a native window: it has none of its own.

/// The hosted page's; empty without one, so that only the query part applies.
pub fn page_address() -> String {
    crate::HOSTED_PAGE.unwrap_or_default().to_owned()
}
