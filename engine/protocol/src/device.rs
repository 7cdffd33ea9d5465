//! Description of an executor's device, as kept in run records and measurements.

use crate::setting::choices;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Key in [`DeviceDescription::variants`] for the number of workers that share a step.
const WORKERS: &str = "workers";

choices! {
    pub enum DeviceKind {
        /// Our CPU kernels.
        Cpu = "cpu";
        /// Our GPU kernels, through wgpu.
        Gpu = "gpu";
        /// burn's WebGPU backend with its autodiff.
        BurnWgpu = "burn-wgpu";
        /// burn's CPU backend with its autodiff.
        BurnFlex = "burn-flex";
    }
}

impl DeviceKind {
    /// Whether a device name requests one of burn's backends, which can only train and serve as an oracle.
    pub fn is_of_burn(word: &str) -> bool {
        [Self::BurnWgpu, Self::BurnFlex].iter().any(|kind| kind.name() == word)
    }
}

/// A device, with everything that must match for a resumed run to be bit-identical.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceDescription {
    pub kind: DeviceKind,
    /// Name of the CPU or GPU adapter.
    pub name: String,
    /// Whether it is a software adapter: correct but slow.
    pub software: bool,
    /// Number of threads of the CPU executor. Does not affect results.
    pub threads: Option<usize>,
    /// Choices for this machine that affect rounding. On the CPU: `vectors`, the vector instructions, and `workers` if several share a
    /// step. On a GPU: the kernels that autotuning chose instead of the defaults, by shape bucket.
    #[serde(default)]
    pub variants: BTreeMap<String, String>,
}

impl DeviceDescription {
    /// The same device with each step divided among this number of workers.
    pub fn divided(mut self, workers: usize) -> Self {
        if workers > 1 {
            self.variants.insert(WORKERS.to_owned(), format!("{workers} workers"));
        }
        self
    }

    pub fn burn(kind: DeviceKind) -> Self {
        Self::plain(kind, kind.name())
    }

    /// A device with only a name.
    pub fn plain(kind: DeviceKind, name: &str) -> Self {
        Self { kind, name: name.to_owned(), software: false, threads: None, variants: BTreeMap::new() }
    }

    /// The device name that requests this device again.
    pub fn request(&self) -> &str {
        match self.kind {
            DeviceKind::Gpu => &self.name,
            kind => kind.name(),
        }
    }

    /// Whether a run interrupted on one device can continue on the other bit for bit.
    pub fn repeats(&self, other: &Self) -> bool {
        self.kind == other.kind && self.name == other.name && self.variants == other.variants
    }
}

impl std::fmt::Display for DeviceDescription {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)?;
        if let Some(threads) = self.threads {
            let plural = if threads == 1 { "thread" } else { "threads" };
            // Each worker has one thread.
            let alone = !self.variants.contains_key(WORKERS);
            let threads = alone.then(|| format!("{threads} {plural}"));
            let parts: Vec<_> = threads.into_iter().chain(self.variants.values().cloned()).collect();
            write!(formatter, " ({})", parts.join(", "))?;
        }
        if self.software {
            formatter.write_str(" (software)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(vectors: &str) -> DeviceDescription {
        DeviceDescription {
            kind: DeviceKind::Cpu,
            name: "cpu".to_owned(),
            software: false,
            threads: Some(2),
            variants: BTreeMap::from([("vectors".to_owned(), vectors.to_owned())]),
        }
    }

    #[test]
    fn other_vectors_do_not_repeat_a_run_and_other_threads_do() {
        let (wide, narrow) = (cpu("avx512"), cpu("avx2"));
        assert!(!wide.repeats(&narrow));
        assert!(wide.repeats(&DeviceDescription { threads: Some(7), ..wide.clone() }));
        assert_eq!(narrow.to_string(), "cpu (2 threads, avx2)");
        assert_eq!(narrow.request(), "cpu");
        let divided = narrow.clone().divided(3);
        assert!(!narrow.repeats(&divided) && !divided.repeats(&narrow.clone().divided(2)));
        assert!(divided.repeats(&divided.clone()));
        assert_eq!(divided.to_string(), "cpu (avx2, 3 workers)");
        assert_eq!(narrow.clone().divided(1), narrow);
    }
}
