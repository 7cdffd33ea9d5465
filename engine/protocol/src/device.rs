//! Which device an executor runs on, in the words that a run's record and measurements keep.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Among what was chosen for a machine: the workers among which a step is divided.
const WORKERS: &str = "workers";

/// The kinds of executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// Our kernels on the CPU's cores.
    Cpu,
    /// Our kernels through wgpu.
    Gpu,
    /// burn's own WebGPU backend with its autodiff.
    BurnWgpu,
    /// burn's own CPU backend with its autodiff.
    BurnFlex,
}

impl DeviceKind {
    /// The word that asks for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::BurnWgpu => "burn-wgpu",
            Self::BurnFlex => "burn-flex",
        }
    }

    /// Whether a word asks for one of burn's devices, which train and are tested against: all else is done on ours.
    pub fn is_of_burn(word: &str) -> bool {
        [Self::BurnWgpu, Self::BurnFlex].iter().any(|kind| kind.word() == word)
    }
}

/// A device, and what must be the same for a resumed run to repeat the same bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceDescription {
    /// Which executor.
    pub kind: DeviceKind,
    /// The CPU's or adapter's name.
    pub name: String,
    /// A software adapter: right, but slow.
    pub software: bool,
    /// Threads of the CPU executor. Its results do not depend on them.
    #[serde(default)]
    pub threads: Option<usize>,
    /// What was chosen for this machine and decides the last digits: on the CPU `vectors`, the vector instructions, and
    /// `workers`, where each step is divided among several; on a GPU the kernels that differ from those of its kind, by class of
    /// shapes, as autotuning chose them.
    #[serde(default)]
    pub variants: BTreeMap<String, String>,
}

impl DeviceDescription {
    /// The same with each step divided among so many workers.
    pub fn divided(mut self, workers: usize) -> Self {
        if workers > 1 {
            self.variants.insert(WORKERS.to_owned(), format!("{workers} workers"));
        }
        self
    }

    /// One of burn's backends.
    pub fn burn(kind: DeviceKind) -> Self {
        Self::plain(kind, kind.word())
    }

    /// One of a name of which nothing else is known.
    pub fn plain(kind: DeviceKind, name: &str) -> Self {
        Self { kind, name: name.to_owned(), software: false, threads: None, variants: BTreeMap::new() }
    }

    /// The device wish that gets this device again.
    pub fn request(&self) -> &str {
        match self.kind {
            DeviceKind::Gpu => &self.name,
            kind => kind.word(),
        }
    }

    /// Whether a run that was interrupted on the one goes on bit for bit on the other.
    pub fn repeats(&self, other: &Self) -> bool {
        self.kind == other.kind && self.name == other.name && self.variants == other.variants
    }
}

impl std::fmt::Display for DeviceDescription {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)?;
        if let Some(threads) = self.threads {
            let plural = if threads == 1 { "thread" } else { "threads" };
            // Where there are workers, each has one thread.
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
