//! The device for new work, and the reasons for choosing it.

use super::{Options, Session};
use crate::Result;
use crate::cpu::most_workers;
use crate::device::{DeviceDescription, DeviceKind};
use crate::gpu::{self, AdapterReport, Tuning};
use crate::plan::fit::DeviceLimits;
use crate::plan::lower::Target;
use crate::platform;
use crate::protocol::{DeviceSummary, DeviceType, Event, Precision, answer, message};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ChosenDevice {
    /// As accepted by [`crate::executor::Executor::open`].
    pub(super) request: String,
    /// For display.
    pub(super) summary: DeviceSummary,
}

impl ChosenDevice {
    /// A requested device that has not been examined yet.
    pub(super) fn unknown(request: &str, threads: Option<usize>) -> Self {
        Self { request: request.to_owned(), summary: cpu(threads, String::new()) }
    }

    /// The target that kernels are chosen for.
    pub(super) fn target(&self) -> Target {
        Target::new(self.summary.kind == DeviceType::Software)
            .with_all_experts(self.summary.kind != DeviceType::Cpu)
            .with_binding(self.summary.binding.unwrap_or(u64::MAX))
            .with_buffer(self.summary.buffer.unwrap_or(u64::MAX))
    }

    /// Its limits, as far as known.
    pub(super) fn limits(&self) -> DeviceLimits {
        DeviceLimits {
            memory: self.summary.memory,
            binding: self.summary.binding,
            buffer: self.summary.buffer,
        }
    }
}

impl Session {
    /// How kernels are chosen for new work.
    pub(super) fn tuning(&self) -> Tuning {
        match self.options {
            Options { unfused: true, .. } => Tuning::Unfused,
            Options { autotune: true, .. } => Tuning::before_a_run(),
            _ => Tuning::Default,
        }
    }

    pub(super) async fn list_devices(&mut self) -> Event {
        let adapters = gpu::devices().await;
        let mut devices = vec![cpu(self.options.threads, cpu_reason(&adapters))];
        devices.extend(adapters.iter().map(|adapter| described(adapter, String::new())));
        Event::Devices { devices }
    }

    pub(super) async fn choose_device(&mut self, wish: &str) -> Result<answer::Ready> {
        let adapters = gpu::devices().await;
        let summary = match wish {
            "auto" => match adapters.first().filter(|adapter| !adapter.software) {
                Some(adapter) => {
                    described(adapter, "chosen because it is a GPU, the fastest device here".to_owned())
                }
                None => cpu(self.options.threads, cpu_reason(&adapters)),
            },
            "cpu" => cpu(self.options.threads, "chosen by you".to_owned()),
            name => {
                let adapter = &adapters[gpu::selected(name, &adapters)?];
                let best = name == "gpu";
                let why = if best { "the best available adapter, as requested" } else { "chosen by you" };
                described(adapter, why.to_owned())
            }
        };
        let request = match (summary.kind, wish) {
            (DeviceType::Cpu, _) => "cpu".to_owned(),
            // Keep the request, so that a GPU that cannot be opened after all is replaced by the CPU.
            (_, "auto") => wish.to_owned(),
            _ => summary.request.clone(),
        };
        self.device = ChosenDevice { request, summary };
        self.generations.forget_device();
        Ok(answer::Ready {
            version: message::VERSION,
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
            device: self.device.summary.clone(),
            automatic: wish == "auto",
            storage: self.storage.clone(),
        })
    }
}

/// Why the CPU is used, and how to get something faster.
fn cpu_reason(adapters: &[AdapterReport]) -> String {
    match adapters.first() {
        Some(adapter) if adapter.software => format!(
            "the only graphics adapter here, {}, is software on the CPU; Glasshouse's own CPU code is many times faster",
            named(adapter)
        ),
        Some(_) => "the CPU, as an alternative to the GPU".to_owned(),
        None => platform::without_gpu(),
    }
}

fn cpu(threads: Option<usize>, why: String) -> DeviceSummary {
    let details = match (most_workers(threads), platform::threads(threads)) {
        (1, 1) => "1 thread".to_owned(),
        (1, threads) => format!("{threads} threads"),
        (workers, _) => format!("up to {workers} workers"),
    };
    DeviceSummary {
        request: "cpu".to_owned(),
        name: "CPU".to_owned(),
        kind: DeviceType::Cpu,
        details,
        why,
        memory: platform::available_memory(),
        timestamps: true,
        ..DeviceSummary::default()
    }
}

/// The device of a run that continues on its own device, if that is not the chosen one.
pub(super) fn of_run(description: &DeviceDescription) -> DeviceSummary {
    let kind = match (description.kind, description.software) {
        (DeviceKind::Gpu, false) => DeviceType::Gpu,
        (DeviceKind::Gpu, true) => DeviceType::Software,
        _ => DeviceType::Cpu,
    };
    DeviceSummary {
        request: description.request().to_owned(),
        name: if kind == DeviceType::Cpu { "CPU".to_owned() } else { description.name.clone() },
        kind,
        details: description.to_string(),
        why: "this run started on it and continues bit for bit".to_owned(),
        timestamps: kind == DeviceType::Cpu,
        ..DeviceSummary::default()
    }
}

fn described(adapter: &AdapterReport, why: String) -> DeviceSummary {
    let details = [adapter.backend.as_str(), adapter.driver.as_str(), &adapter.features.join(", ")];
    let details: Vec<&str> = details.into_iter().filter(|text| !text.is_empty()).collect();
    DeviceSummary {
        // A browser has a single adapter without a name.
        request: if adapter.name.is_empty() { "gpu".to_owned() } else { adapter.name.clone() },
        name: named(adapter).to_owned(),
        kind: if adapter.software { DeviceType::Software } else { DeviceType::Gpu },
        details: details.join(" · "),
        why,
        binding: Some(adapter.limits.binding_bytes),
        buffer: Some(adapter.limits.buffer_bytes),
        timestamps: adapter.features.contains(&"timestamp-query"),
        mixed_precision: adapter.precisions.contains(&Precision::Mixed.name()),
        ..DeviceSummary::default()
    }
}

fn named(adapter: &AdapterReport) -> &str {
    if adapter.name.is_empty() { "this browser's GPU" } else { &adapter.name }
}
