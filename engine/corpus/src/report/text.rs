//! The account in a terminal.

use super::Report;

/// The last words of a cleaning.
pub fn summary(report: &Report) -> String {
    format!("{} documents kept of {}\n", report.kept.documents, report.raw.documents)
}
