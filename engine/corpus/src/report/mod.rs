//! The account of a cleaning, as JSON and as a page that stands alone.
