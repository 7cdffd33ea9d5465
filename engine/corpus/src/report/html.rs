//! The account as a page that stands alone.

use super::Report;

/// The page.
pub fn page(report: &Report) -> String {
    format!("<!doctype html><p>{} documents kept of {}", report.kept.documents, report.raw.documents)
}
