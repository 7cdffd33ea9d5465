//! Descriptions of an executor's device.

use glasshouse_platform::lanes;
pub use glasshouse_protocol::{DeviceDescription, DeviceKind};
use std::collections::BTreeMap;

pub fn cpu(threads: usize) -> DeviceDescription {
    DeviceDescription {
        threads: Some(threads),
        variants: BTreeMap::from([("vectors".to_owned(), lanes::level().name().to_owned())]),
        ..DeviceDescription::plain(DeviceKind::Cpu, "cpu")
    }
}
