//! Which device an executor runs on.

use crate::platform::lanes;
pub use crate::protocol::{DeviceDescription, DeviceKind};
use std::collections::BTreeMap;

/// This machine's CPU, with so many threads at work.
pub fn cpu(threads: usize) -> DeviceDescription {
    DeviceDescription {
        threads: Some(threads),
        variants: BTreeMap::from([("vectors".to_owned(), lanes::level().name().to_owned())]),
        ..DeviceDescription::plain(DeviceKind::Cpu, "cpu")
    }
}
