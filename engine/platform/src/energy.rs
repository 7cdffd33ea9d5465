//! Energy meters of Linux: RAPL, else a discharging battery.

use crate::{Error, Result};
use glasshouse_protocol::EnergySettings;
use std::fs;
use std::path::{Path, PathBuf};

const RAPL: &str = "RAPL: processors and memory of the whole machine with all programs, without GPUs";
const BATTERY: &str = "the battery: the whole machine with all programs";
const JOULES_PER_MICROJOULE: f64 = 1e-6;
const JOULES_PER_MICROWATT_HOUR: f64 = 3.6e-3;

/// The user's figures, from environment variables. Fails if a variable is not of the expected form.
pub fn settings() -> Result<EnergySettings> {
    // A browser has none; the module need not contain the parser.
    if cfg!(target_arch = "wasm32") {
        return Ok(EnergySettings::default());
    }
    EnergySettings::from_variables(|name| std::env::var(name).ok()).map_err(Error::Refused)
}

/// Counts the energy that the machine uses.
#[derive(Debug)]
pub struct Meter {
    counters: Vec<Counter>,
    /// What it measures.
    pub name: &'static str,
}

#[derive(Debug)]
struct Counter {
    folder: PathBuf,
    last: f64,
    /// RAPL's counters start again from 0 after this value; a battery's charge has none and falls.
    range: Option<f64>,
}

impl Meter {
    /// This machine's meter, if the system has one and it may be read. (Linux lets only root read RAPL by default.)
    pub fn system() -> Option<Self> {
        if cfg!(target_os = "linux") { Self::open(Path::new("/sys/class")) } else { None }
    }

    fn open(sysfs: &Path) -> Option<Self> {
        let of = |folder: &str, name: &'static str, counter: fn(&Path) -> Option<Option<Counter>>| {
            let entries = fs::read_dir(sysfs.join(folder)).ok()?;
            let found = entries.flatten().filter_map(|entry| counter(&entry.path()));
            // A part of the machine would be mistaken for all of it.
            let counters = found.collect::<Option<Vec<_>>>()?;
            (!counters.is_empty()).then_some(Self { counters, name })
        };
        of("powercap", RAPL, Counter::rapl).or_else(|| of("power_supply", BATTERY, Counter::battery))
    }

    /// Joules since the last reading; `None` if it measures no longer. Must be read more often than a counter wraps (minutes).
    pub fn read(&mut self) -> Option<f64> {
        if cfg!(target_os = "linux") { self.counters.iter_mut().map(Counter::read).sum() } else { None }
    }
}

impl Counter {
    /// `None` for folders that are not counted, `Some(None)` if the counter cannot be read.
    fn rapl(folder: &Path) -> Option<Option<Self>> {
        // The same processors appear once more as `intel-rapl-mmio`.
        let is_zone = folder.file_name()?.to_str()?.starts_with("intel-rapl:");
        let name = text(folder, "name").filter(|_| is_zone)?;
        let is_counted = name.starts_with("package") || name == "dram";
        is_counted.then(|| {
            let range = Some(number(folder, "max_energy_range_uj")?);
            Some(Self { last: number(folder, "energy_uj")?, folder: folder.to_owned(), range })
        })
    }

    fn battery(folder: &Path) -> Option<Option<Self>> {
        let is_counted =
            text(folder, "type")? == "Battery" && text(folder, "scope").is_none_or(|it| it == "System");
        is_counted.then(|| {
            discharges(folder)?;
            Some(Self { last: number(folder, "energy_now")?, folder: folder.to_owned(), range: None })
        })
    }

    fn read(&mut self) -> Option<f64> {
        let Self { folder, last, range } = self;
        if let Some(range) = range {
            let now = number(folder, "energy_uj")?;
            let before = std::mem::replace(last, now);
            let more = if now < before { now + *range - before } else { now - before };
            return Some(more * JOULES_PER_MICROJOULE);
        }
        discharges(folder)?;
        let now = number(folder, "energy_now")?;
        let before = std::mem::replace(last, now);
        Some((before - now).max(0.0) * JOULES_PER_MICROWATT_HOUR)
    }
}

fn text(folder: &Path, name: &str) -> Option<String> {
    Some(fs::read_to_string(folder.join(name)).ok()?.trim().to_owned())
}

fn number(folder: &Path, name: &str) -> Option<f64> {
    text(folder, name)?.parse().ok()
}

fn discharges(folder: &Path) -> Option<()> {
    (text(folder, "status")? == "Discharging").then_some(())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn write(root: &Path, entry: &str, files: &[(&str, &str)]) {
        let folder = root.join(entry);
        fs::create_dir_all(&folder).unwrap();
        files.iter().for_each(|(name, text)| fs::write(folder.join(name), format!("{text}\n")).unwrap());
    }

    fn zone(root: &Path, entry: &str, name: &str, energy: &str) {
        let files = [("name", name), ("energy_uj", energy), ("max_energy_range_uj", "1000000000")];
        write(root, &format!("powercap/{entry}"), &files);
    }

    #[test]
    fn packages_and_memory_are_added_once_and_counters_wrap() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert!(Meter::open(root).is_none());
        write(root, "powercap/intel-rapl", &[("enabled", "1")]);
        zone(root, "intel-rapl:0", "package-0", "999000000");
        zone(root, "intel-rapl:0:0", "core", "5");
        zone(root, "intel-rapl:0:1", "dram", "1000000");
        zone(root, "intel-rapl-mmio:0", "package-0", "7");
        let mut meter = Meter::open(root).unwrap();
        assert_eq!((meter.counters.len(), meter.read()), (2, Some(0.0)));
        zone(root, "intel-rapl:0", "package-0", "2000000");
        zone(root, "intel-rapl:0:1", "dram", "1500000");
        zone(root, "intel-rapl:0:0", "core", "900000000");
        assert!((meter.read().unwrap() - 3.5).abs() < 1e-9);
        assert_eq!(meter.read(), Some(0.0));
        fs::remove_file(root.join("powercap/intel-rapl:0/energy_uj")).unwrap();
        assert_eq!(meter.read(), None);
        assert!(Meter::open(root).is_none(), "a part of the machine is not measured as the whole");
    }

    #[test]
    fn a_battery_counts_while_it_discharges() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, "power_supply/AC", &[("type", "Mains"), ("online", "0")]);
        write(root, "power_supply/mouse", &[("type", "Battery"), ("scope", "Device"), ("status", "Full")]);
        let state = |status: &str, energy: &str| {
            let files = [("type", "Battery"), ("status", status), ("energy_now", energy)];
            write(root, "power_supply/BAT0", &files);
        };
        state("Charging", "50000000");
        assert!(Meter::open(root).is_none());
        state("Discharging", "50000000");
        let mut meter = Meter::open(root).unwrap();
        state("Discharging", "49000000");
        assert!((meter.read().unwrap() - 3600.0).abs() < 1e-9);
        state("Charging", "49000000");
        assert_eq!(meter.read(), None);
    }
}
