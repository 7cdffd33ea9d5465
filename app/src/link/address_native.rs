//! The address that links from a native window begin with.

/// The URL of the hosted page, or empty.
pub fn page_address() -> String {
    crate::HOSTED_PAGE.unwrap_or_default().to_owned()
}
